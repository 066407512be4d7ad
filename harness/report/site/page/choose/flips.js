'use strict';

/* What would change a choice: for each need and price, the value beyond which another candidate is chosen. */
{
    const { DRAWS, LEVEL, NEEDS, PRICES, Rule, changed, interval, isKnownError, median, scaled, total } = choosing;
    const BOUNDS = ['p95_ms', 'disk_gb', 'load_seconds', 'fresh_seconds'], AMOUNTS = ['rate', 'unforeseen', 'events_a_day', ...Object.keys(PRICES)];
    const MOST = { unforeseen: 1 }, STEP = 1e6, FLAT = 1e-7, FAR = 100, BEYOND = 1e-3, LARGEST = 1e12;
    const isNear = (value, now) => !now || (1 / FAR < value / now && value / now < FAR);
    const finite = (value) => Number.isFinite(value) ? value : null;
    const isSame = (one, two) => JSON.stringify(one) === JSON.stringify(two);

    /* Returns { need, up, value, low, high, chosen, now } for what would replace the cheapest candidate, beginning with the
       value that is nearest to `now`, that of the needs. An empty `chosen` means that nothing known serves; a bound that
       was not found is null. */
    function flips(rule, decision) {
        if (decision.chosen.length !== 1) { return []; }
        const known = rule.candidates().filter((one) => !one.fails.length && !one.unknown.length && rule.pricing.knows(one));
        const search = new Search(rule, known.find((one) => one.name === decision.chosen[0]), known.filter((one) => one.name !== decision.chosen[0]));
        const found = [
            ...AMOUNTS.flatMap((name) => search.amount(name)), ...Object.keys(rule.ask).flatMap((question) => search.weight(question)),
            ...BOUNDS.flatMap((name) => search.bound(name)), ...search.events(),
        ];
        const values = { ...rule.needs, ...rule.needs.prices, ...rule.ask, events_a_second: rule.freshness.rate };
        return found.map((flip) => ({ ...flip, now: values[flip.need] })).map((flip) => [distance(flip), flip])
            .sort(([one], [two]) => one === two ? 0 : one - two).map(([, flip]) => flip);
    }

    /* Returns how far, as a logarithm, the value of a flip is from that of the needs; infinite if they have none. */
    const distance = ({ now, value }) => now && value ? Math.round(1e9 * Math.abs(Math.log(value / now))) : Infinity;

    /* Looks for what would replace the candidate `best`, given all others of which no question is unknown. */
    class Search {
        constructor(rule, best, others) {
            Object.assign(this, { rule, best, others });
            this.before = this.totals(rule);
            this.rivals = others.filter((one) => this.dearer(one) >= 0);  // those that are cheaper do not meet the needs
        }

        /* Returns the flips of a need or price on which the prices of candidates depend linearly. */
        amount(name) {
            const { needs } = this.rule, now = (Object.hasOwn(PRICES, name) ? needs.prices : needs)[name];
            if (now === null || (name === 'unforeseen' && this.asksMeasuredMix)) { return []; }
            const most = MOST[name], step = most ? (now < most / 2 ? most / 4 : -most / 4) : now * STEP || STEP;
            const found = this.crossings(name, now, step, (value) => this.with(name, value));
            if (name === 'rate') { found.push(this.outgrown(), ...this.freed()); }
            if (name === 'unforeseen' && !now) { found.push(...this.surprised()); }
            return [false, true].flatMap((up) => found.filter((flip) => flip.up === up)
                .sort((one, two) => Math.abs(one.value - now) - Math.abs(two.value - now)).slice(0, 1));
        }

        /* Returns the flips of a question's weight. */
        weight(question) {
            const { ask } = this.rule;
            if (Object.keys(ask).length < 2 || this.asksMeasuredMix) { return []; }
            return this.crossings(question, ask[question], ask[question] / 4, (value) => this.with('ask', { ...ask, [question]: value }));
        }

        /* Returns below which bound of a need the best candidate fails, and above which bound a cheaper one serves. */
        bound(name) {
            const found = [], tight = this.limit(name, this.best);
            if (tight) {
                const beyond = this.with(name, (tight[1] || tight[0]) * (1 - BEYOND)).choose().chosen;
                if (!isSame(beyond, [this.best.name])) { found.push(flipOf(name, false, tight, beyond)); }
            }
            if (this.rule.needs[name] !== NEEDS[name]) {
                const free = this.with(name, name === 'fresh_seconds' ? LARGEST : null), cheaper = free.choose().chosen;
                if (cheaper.length && cheaper[0] !== this.best.name) {
                    const loose = this.limit(name, free.candidates().find((one) => one.name === cheaper[0]));
                    if (loose) { found.push(flipOf(name, true, loose, cheaper)); }
                }
            }
            return found;
        }

        /* Returns up to which rate of events the best candidate is known to follow, and a cheaper one that fails now. */
        events() {
            const { freshness } = this.rule, now = freshness.rate, with_ = (value) => this.with('events_a_second', value).choose().chosen;
            if (!freshness.isNeeded) { return []; }
            const limit = ([met, missed]) => [met, met, missed], best = freshness.fastest(this.best);
            const found = isNear(best[0], now) ? [flipOf('events_a_second', true, limit(best), with_(best[0] * (1 + BEYOND)))] : [];
            const cheaper = this.others.filter((one) => this.dearer(one) < 0).map((one) => freshness.fastest(one));
            for (const each of cheaper.filter(([met]) => now / FAR < met && met < now).sort((one, two) => two[0] - one[0])) {
                const chosen = with_(each[0]);
                if (!isSame(chosen, [this.best.name])) { return [...found, flipOf('events_a_second', false, limit(each), chosen)]; }
            }
            return found;
        }

        /* Whether the choice rests on the speed of the mix under load, which is unknown of every other mix. */
        get asksMeasuredMix() { return this.rule.needs.p95_ms !== null || this.rule.needs.prices.cluster_hour !== null; }

        with(name, value) { return new Rule(this.rule.evidence, changed(this.rule.needs, { [name]: value })); }

        /* Returns the nearest value above `now`, and below it, beyond which a rival serves and is the cheapest. `valued`
           returns the rule with another value. */
        crossings(name, now, step, valued) {
            const after = this.totals(valued(now + step)), best = [this.before.get(this.best.name), after.get(this.best.name)];
            if (!best[1]) { return []; }
            const places = new Map(this.rivals.map((rival) => rival.name).filter((rival) => after.has(rival)).map((rival) => {
                const one = this.before.get(rival), two = after.get(rival);
                return [rival, Float64Array.from(one, (_, draw) => {
                    const apart = one[draw] - best[0][draw], moved = two[draw] - best[1][draw] - apart;
                    return Math.abs(moved) > FLAT * best[1][draw] ? now - step * apart / moved : NaN;
                })];
            }));
            const most = Object.hasOwn(MOST, name) ? MOST[name] : Infinity;
            return [true, false].flatMap((up) => {
                const isValid = (place) => (up ? place > now : place < now) && place >= 0 && place < most - BEYOND;
                const nearest = new Map([...places].map(([rival, one]) => [rival, one.map((place) => isValid(place) ? (up ? place : -place) : Infinity)]));
                for (;;) {
                    const flip = nearestFlip(name, up, nearest);
                    if (!flip || !isNear(flip.value, now)) { return []; }
                    if (this.serves(flip.chosen[0], valued(flip.value * (up ? 1 + BEYOND : 1 - BEYOND)))) { return [flip]; }
                    nearest.delete(flip.chosen[0]);
                }
            });
        }

        serves(name, rule) { return this.in(rule).some((one) => one.name === name && rule.serves(one)); }

        /* Returns by how much another candidate is dearer than the best one. */
        dearer(other) {
            const one = this.before.get(other.name), two = this.before.get(this.best.name);
            return median(one.map((price, draw) => price - two[draw]));
        }

        /* Returns, by candidate, a price that depends linearly on each amount and on each weight of a question. */
        totals(rule) {
            const weights = total(rule.ask);
            return new Map(this.in(rule).map((one) => [one.name, scaled(weights, rule.pricing.total(one))]));
        }

        /* Returns the candidates as those of another rule, where a pair may share the questions otherwise. */
        in(rule) {
            const same = [this.best, ...this.others], wanted = same.map((one) => one.name);
            if (isSame(rule.ask, this.rule.ask) && Boolean(rule.needs.unforeseen) === Boolean(this.rule.needs.unforeseen)) { return same; }
            return rule.candidates().filter((one) => wanted.includes(one.name) && !one.fails.length && !one.unknown.length);
        }

        /* Returns what is chosen at any share of unforeseen questions if the best candidate cannot answer these. */
        surprised() {
            const rule = this.with('unforeseen', BEYOND);
            return this.in(rule).some((one) => one.name === this.best.name) ? [] : [flipOf('unforeseen', true, [0, 0, 0], rule.choose().chosen)];
        }

        /* Returns the rate beyond which the best candidate is not known to serve. */
        outgrown() {
            const limit = this.rateLimit(this.best), beyond = (limit[2] || limit[0]) * (1 + BEYOND);
            return flipOf('rate', true, limit, this.with('rate', beyond).choose().chosen);
        }

        /* Returns the highest rate below which a cheaper candidate serves, which is asked too much now. */
        freed() {
            const now = this.rule.needs.rate, limits = this.others.filter((one) => this.dearer(one) < 0).map((one) => this.rateLimit(one));
            for (const limit of limits.filter(([value]) => now / FAR < value && value < now).sort((one, two) => two[0] - one[0])) {
                const { chosen } = this.with('rate', limit[1] * (1 - BEYOND)).choose();
                if (!isSame(chosen, [this.best.name])) { return [flipOf('rate', false, limit, chosen)]; }
            }
            return [];
        }

        /* Returns the rate beyond which a candidate is not known to have enough cores and to be fast enough, with bounds. */
        rateLimit(candidate) {
            const { rule } = this, { speed } = rule.pricing;
            const left = candidate.parts.map((part) => {
                const loading = rule.loadingCores(part), seconds = rule.pricing.partSeconds(part);
                return seconds.map((one, draw) => (rule.evidence.cores - loading[draw]) / one);
            });
            const [low, high] = interval(left[0].map((_, draw) => Math.min(...left.map((one) => one[draw]))));
            const known = [(part) => speed.sustained(part), ...(this.asksMeasuredMix ? [(part) => speed.capacity(part)] : [])].map((rates) => {
                const [met, missed] = candidate.parts.map(rates).sort(inOrder)[0];
                return [met, met, finite(missed)];
            });
            const asked = Math.min(...candidate.parts.map((part) => rule.freshness.most(part)));
            const most = speed.most(candidate);
            return [[low, low, high], ...known, [asked, asked, null], [most, most, most]].sort((one, two) => one[0] - two[0])[0];
        }

        /* Returns the least value of a need that a candidate is known to meet, and its 99% interval; null if unknown. */
        limit(name, candidate) {
            if (name === 'disk_gb') { return Array(3).fill(this.rule.diskGb(candidate)); }
            if (name === 'load_seconds') {
                const loads = this.rule.loadSeconds(candidate);
                if (!loads || !candidate.parts.every((part) => isKnownError(part.store.load))) { return null; }
                const [low, high] = interval(loads);
                return [high, low, high];
            }
            if (name === 'fresh_seconds') {
                const fresh = this.rule.freshness.limit(candidate);
                return fresh && [fresh[0], fresh[1] || null, fresh[0]];
            }
            const { speed } = this.rule.pricing, low = 1000 * speed.exceeds(candidate), high = Math.max(low, 1000 * speed.p95(candidate));
            return Number.isFinite(high) ? [high, low || null, high] : null;
        }
    }

    const flipOf = (need, up, [value, low, high], chosen) => ({ need, up, value, low, high, chosen });
    const inOrder = (one, two) => one[0] - two[0] || one[1] - two[1];

    /* Returns the flip at the median of the draws if it is finite; `places` has the value of the need by rival and draw. In
       each draw, the rival with the nearest value counts. A value is infinite where the rival is not reached, and has the
       opposite sign if the values lie below that of the needs, so that the smallest is always the nearest. */
    function nearestFlip(name, up, places) {
        const rivals = [...places.keys()], each = [...places.values()], counts = rivals.map(() => 0), nearest = new Float64Array(DRAWS);
        if (!rivals.length) { return null; }
        for (let draw = 0; draw < DRAWS; draw += 1) {
            let first = 0;
            for (let one = 1; one < rivals.length; one += 1) { if (each[one][draw] < each[first][draw]) { first = one; } }
            nearest[draw] = each[first][draw];
            counts[first] += Number.isFinite(nearest[draw]) ? 1 : 0;
        }
        nearest.sort();
        const [value, low, high] = [0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2].map((share) => {
            const place = nearest[Math.floor(share * (DRAWS - 1))];
            return up ? place : -place;
        });
        if (!Number.isFinite(value)) { return null; }
        const chosen = rivals[counts.indexOf(Math.max(...counts))];
        return flipOf(name, up, [value, finite(up ? low : high), finite(up ? high : low)], [chosen]);
    }

    Object.assign(choosing, { flips, FAR });
}
