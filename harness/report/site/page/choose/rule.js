'use strict';

/* The rule that chooses a store, or a pair of stores. docs/choosing.md explains it. */
{
    const {
        DAY, DRAWS, Freshness, GB, LEVEL, Pricing, SURE, Stores, UNFORESEEN, aSecond, added, constant, countOf, drawn, eachDraw, engineOf, following, general, interval, isKnownError,
        measuring, median, plain, refusals, scaled, sum, unique,
    } = choosing;
    const range = (draws) => interval(draws).map((one) => general(one, 3).replace(/,/g, '')).join(' to ');

    /* Chooses from the evidence of a run, as `evidenceOf` returns it, for given needs. */
    class Rule {
        constructor(evidence, needs) {
            const mix = Object.values(evidence.mixes)[0] || {}, isEmpty = (weights) => !Object.keys(weights).length;
            const equal = Object.fromEntries(evidence.questions.map((question) => [question, 1]));
            const ask = [needs.ask, mix, equal].find((weights) => !isEmpty(weights)) || {};
            Object.assign(this, { evidence, needs, ask, pricing: new Pricing(new Stores(evidence, ask), needs) });
            this.freshness = new Freshness(this.pricing);
        }

        /* Returns all candidates that may be run. */
        candidates() {
            const asked = [...Object.keys(this.ask), ...(this.needs.unforeseen ? [UNFORESEEN] : [])];
            return this.pricing.stores.candidates(this.needs.engines, asked);
        }

        /* Returns { answer, chosen, offers, failing, refused }, as `rollup-bench choose --format json` does. */
        choose() {
            const outside = refusals(this.evidence, this.needs, this.ask);
            if (outside.length) { return { answer: 'refused', chosen: [], offers: [], failing: [], refused: outside }; }
            const found = this.candidates().map((candidate) => ({ candidate, why: this.failure(candidate) }));
            const failing = found.filter((one) => one.why).map((one) => ({ name: one.candidate.name, why: one.why }));
            const rest = found.filter((one) => !one.why).map(({ candidate }) => ({ candidate, doubts: this.doubts(candidate) }));
            const offers = this.offers(rest.filter((one) => !one.doubts.length).map((one) => one.candidate));
            const refused = this.refusals(rest.flatMap((one) => one.doubts)), chosen = cheapest(offers);
            return { answer: answerOf(chosen, refused), chosen: chosen.map((offer) => offer.name), offers, failing, refused };
        }

        /* Returns which need a candidate does not meet; empty if it meets all, or if that is not known. */
        failure(candidate) {
            if (candidate.fails.length) { return described(candidate.fails); }
            return candidate.unknown.length ? '' : this.failures(candidate)[0] || '';
        }

        /* Returns what is not known of a candidate that is not known to fail: { what, why, engines, questions, isOfStreams, stays }. */
        doubts(candidate) {
            if (candidate.unknown.length) {
                return candidate.unknown.map((gap) => ({ what: gap.arm, why: gap.why, engines: [engineOf(gap.arm)], questions: [gap.question] }));
            }
            const engines = candidate.parts.map((part) => engineOf(part.store.arm));
            const plainly = (reasons) => reasons.map((why) => ({ why }));
            const found = [...plainly(this.missingFigures(candidate)), ...this.unknownP95(candidate), ...plainly(this.unknownRate(candidate))].slice(0, 1);
            if (found.length) { return found.map((one) => ({ what: candidate.name, engines, questions: [], ...one })); }
            return candidate.parts.map((part) => ({ what: part.store.arm, why: this.freshness.unknown(part), engines: [engineOf(part.store.arm)], questions: [], isOfStreams: true }))
                .filter((doubt) => doubt.why);
        }

        /* Returns whether a candidate is known to meet all needs. */
        serves(candidate) {
            return !refusals(this.evidence, this.needs, this.ask).length && !this.failure(candidate) && !this.doubts(candidate).length;
        }

        /* Returns the seconds until all stores are loaded, one after the other, in each draw; null if unknown. */
        loadSeconds(candidate) {
            const loads = candidate.parts.filter((part) => part.store.load).map((part) => drawn(part.store.load));
            return loads.length === candidate.parts.length ? sum(loads) : null;
        }

        /* Returns how many cores the busiest store needs in each draw, for questions and for new events. */
        cores(candidate) {
            const busy = candidate.parts.map((part) => sum([scaled(this.needs.rate, this.pricing.partSeconds(part)), this.loadingCores(part)]));
            return eachDraw((draw) => Math.max(...busy.map((one) => one[draw])));
        }

        /* Returns how many cores the new events of a day keep busy in each draw. */
        loadingCores({ store }) { return store.ingest ? scaled(this.needs.events_a_day / DAY, drawn(store.ingest)) : constant(0); }

        /* Returns the gigabytes of all copies on disk. */
        diskGb(candidate) { return added(candidate.parts.map((part) => part.store.bytes)) / GB * this.needs.replicas; }

        failures(candidate) {
            const { needs, evidence } = this, found = [], disk = this.diskGb(candidate), cores = this.cores(candidate);
            const fits = (draw) => cores[draw] <= evidence.cores, least = LEVEL * DRAWS;
            if (needs.disk_gb !== null && disk > needs.disk_gb) { found.push(`${general(disk, 3).replace(/,/g, '')} GB on disk`); }
            if (countOf(fits) < least) {
                found.push(`needs ${range(cores)} of ${evidence.cores} cores at ${aSecond(needs.rate)}`);
            }
            if (needs.load_seconds !== null) {
                const loads = this.loadSeconds(candidate);
                if (loads && countOf((draw) => fits(draw) && loads[draw] <= needs.load_seconds) < least) { found.push(`loads in ${range(loads)} s`); }
            }
            if (needs.p95_ms !== null && this.pricing.speed.misses(candidate, needs.p95_ms / 1000)) {
                found.push(`its p95 is above ${plain(needs.p95_ms)} ms at ${aSecond(needs.rate)}`);
            }
            if (this.pricing.speed.misses(candidate, Number.MAX_VALUE)) { found.push(`it did not sustain ${aSecond(needs.rate)}`); }
            const most = this.pricing.speed.most(candidate);
            if (needs.rate > most) { found.push(`it gave at most ${general(most, 3).replace(/,/g, '')} answers a second to clients that wait for each answer`); }
            for (const part of candidate.parts) {
                const why = this.freshness.failure(part);
                if (why) { found.push(candidate.parts.length > 1 ? `${part.store.arm}: ${why}` : why); }
            }
            return found;
        }

        missingFigures(candidate) {
            const { needs } = this, found = [];
            for (const store of candidate.parts.map((part) => part.store)) {
                if (store.memory === null) { found.push(`the memory of ${store.arm} was not measured`); }
                if (store.bytes === null) { found.push(`the bytes of ${store.arm} on disk are unknown`); }
                if (needs.events_a_day && !store.ingest) { found.push(`the processor time of loads of ${store.arm} was not measured`); }
                if (needs.load_seconds !== null && !store.load) {
                    found.push(`the time of a load of ${store.arm} was not measured`);
                } else if (needs.load_seconds !== null && !isKnownError(store.load)) {
                    found.push(`${store.arm} was loaded once, so that the error of its seconds is unknown`);
                }
            }
            return found;
        }

        unknownRate(candidate) {
            const { needs } = this, { speed } = this.pricing, found = [], isCluster = needs.prices.cluster_hour !== null;
            const rates = candidate.parts.map((part) => (isCluster ? speed.capacity(part) : speed.sustained(part))[0]), least = Math.min(...rates);
            if (!this.pricing.knows(candidate)) { found.push('the highest rate of one machine was not measured for this mix of questions'); }
            if (needs.rate > least) {
                found.push(`one machine is known to sustain ${aSecond(least)}, not ${plain(needs.rate)}`);
            }
            return found;
        }

        unknownP95(candidate) {
            const { needs, evidence } = this, { speed } = this.pricing, { mix } = speed, most = needs.p95_ms === null ? Infinity : needs.p95_ms / 1000;
            const missing = candidate.parts.filter((part) => speed.partP95(part)[1] > most);
            if (!missing.length) { return []; }
            const why = `its p95 at ${aSecond(needs.rate)} is not known`;
            if (mix === null) { return [{ why: 'the p95 of this mix of questions was not measured; write the mix into a copy of the dataset' }]; }
            if (missing.every((part) => this.mayBeTold(part, most))) { return [{ why, questions: Object.hasOwn(evidence.mixes, mix) ? [] : [mix] }]; }
            const more = 'no other run would tell it: leave out this need to see the p95 that is known';
            return [{ why: `${why} to be within ${plain(needs.p95_ms)} ms, and ${more}`, stays: true }];
        }

        /*
         * Returns whether another run may tell if a p95 is within `seconds`: the mix was not put under load, or the
         * lowest sufficient rate that was tried tells nothing, or only bounds with `seconds` between them.
         */
        mayBeTold(part, seconds) {
            const [low, high] = this.pricing.speed.partP95(part), { cannot, under_load: loads } = part.store;
            if (!Object.hasOwn(loads, this.pricing.speed.mix)) { return !Object.keys(this.ask).some((question) => Object.hasOwn(cannot, question)); }
            return !loads[this.pricing.speed.mix].slow && (!Number.isFinite(high) || low <= seconds);
        }

        /* Returns a refusal for each reason and set of questions, which names all stores of which it holds. */
        refusals(doubts) {
            const key = (doubt) => JSON.stringify([doubt.what, doubt.why]);
            const questions = grouped(doubts, key), named = (doubt) => unique(questions.get(key(doubt)).flatMap((one) => one.questions));
            const alike = grouped(doubts, (doubt) => JSON.stringify([doubt.why, named(doubt)]));
            return [...alike.values()].map((each) => this.refusal(each[0].why, named(each[0]), each));
        }

        refusal(why, questions, doubts) {
            const asked = questions.includes(UNFORESEEN) ? Object.keys(this.ask) : questions, engines = unique(doubts.flatMap((doubt) => doubt.engines));
            return {
                what: unique(doubts.map((doubt) => doubt.what)).join(', '),
                why: questions.length ? `${questions.join(', ')}: ${why}` : why,
                command: doubts[0].stays ? '' : doubts[0].isOfStreams ? following(this.evidence, this.needs, this.freshness.rate, engines) : measuring(this.evidence, { engines, questions: asked }),
            };
        }

        offers(fitting) {
            const totals = fitting.map((one) => this.pricing.total(one)), wins = fitting.map(() => 0);
            for (let draw = 0; draw < DRAWS && fitting.length; draw += 1) {
                const least = Math.min(...totals.map((one) => one[draw])), tied = totals.filter((one) => one[draw] === least).length;
                totals.forEach((one, place) => { wins[place] += one[draw] === least ? 1 / tied : 0; });
            }
            return fitting.map((one, place) => this.offer(one, totals[place], wins[place] / DRAWS))
                .sort((one, two) => one.price.middle - two.price.middle);
        }

        offer(candidate, total, cheapestIn) {
            const paid = Object.entries(this.pricing.parts(candidate)).filter(([, draws]) => draws.some((one) => one !== 0));
            const [low, high] = interval(total), { speed } = this.pricing, p95 = speed.p95(candidate), loads = this.loadSeconds(candidate);
            return {
                name: candidate.name,
                questions: Object.fromEntries(candidate.parts.map((part) => [part.store.arm, part.questions])),
                price: { middle: median(total), low, high, paid: Object.fromEntries(paid.map(([name, draws]) => [name, median(draws)])) },
                cheapest: cheapestIn,
                load_seconds: loads && median(loads),
                disk_bytes: this.diskGb(candidate) * GB,
                memory_bytes: added(candidate.parts.map((part) => part.store.memory)) * this.needs.replicas,
                p95: [speed.slow(candidate), Number.isFinite(p95) ? p95 : null],
                fresh: Object.fromEntries(candidate.parts.map((part) => [part.store.arm, this.freshness.shown(part)]).filter(([, seen]) => seen)),
            };
        }
    }

    /* Returns the first of some gaps, and of how many other questions there are more. */
    function described(gaps) {
        const [first] = gaps, others = unique(gaps.map((gap) => gap.question)).length - 1;
        const more = others ? `; and ${others} other ${others === 1 ? 'question' : 'questions'}` : '';
        return `${first.question} on ${first.arm}: ${first.why}${more}`;
    }

    function grouped(values, key) {
        const found = new Map();
        for (const value of values) { found.set(key(value), [...(found.get(key(value)) || []), value]); }
        return found;
    }

    /* Returns the fewest candidates of which one is the cheapest in a share `SURE` of the draws. */
    function cheapest(offers) {
        const chosen = [];
        let share = 0;
        for (const offer of offers.slice().sort((one, two) => two.cheapest - one.cheapest)) {
            if (share < SURE) {
                chosen.push(offer);
                share += offer.cheapest;
            }
        }
        return chosen;
    }

    /* Returns the answer for the candidates that may be the cheapest. */
    function answerOf(chosen, refused) {
        if (!chosen.length) { return refused.length ? 'refused' : 'neither'; }
        const numbers = unique(chosen.map((offer) => Object.keys(offer.questions).length));
        return numbers.length > 1 ? 'undecided' : numbers[0] === 1 ? 'one' : 'both';
    }

    Object.assign(choosing, { Rule });
}
