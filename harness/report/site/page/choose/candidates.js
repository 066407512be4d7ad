'use strict';

/* Candidates: single stores, and pairs of stores of two engines, with the questions that each store answers. */
{
    const { DRAWS, SURE, UnderLoad, countOf, drawn, mean, scaled, sum } = choosing;
    const UNFORESEEN = 'unforeseen questions';
    const engineOf = (arm) => arm.split('/')[0], layoutOf = (arm) => arm.split('/')[1];

    /* Returns the evidence of a site's data file with the defaults that the file leaves out. */
    function evidenceOf(data) {
        const store = { unsure: {}, cannot: {}, raw: '', memory: null, bytes: null, load: null, ingest: null, streams: [] };
        const underLoad = (one) => Object.fromEntries(Object.entries(one.under_load || {})
            .map(([name, loops]) => [name, new UnderLoad(loops)]));
        return {
            mixes: {}, errors: {}, nodes: {}, days: null, sizable: 'game', ...data,
            stores: data.stores.map((one) => ({ ...store, ...one, under_load: underLoad(one) })),
        };
    }

    /* Returns the arm that answers a question: `home` if it can, unless another one is sure to need less. */
    function cheapest(known, home) {
        if (!known.has(home)) { return [...known.keys()][0]; }
        const here = known.get(home), least = SURE * DRAWS;
        const surely = [...known].find(([arm, there]) => arm !== home && countOf((draw) => there[draw] < here[draw]) >= least);
        return surely ? surely[0] : home;
    }
    const knownOf = (answers) => new Map([...answers].filter(([, one]) => one.seconds).map(([name, one]) => [name, one.seconds]));
    const answer = (seconds, why = '', never = false) => ({ seconds, why, never });

    /* The stores of a run, asked questions with these weights. */
    class Stores {
        constructor(evidence, ask) { Object.assign(this, { evidence, ask }); }

        /* Returns the raw events of the same engine, which answer unforeseen questions; undefined if not stored. */
        raw(store) { return this.evidence.stores.find((other) => other.arm === store.raw); }

        /* Returns { seconds, why, never }: the processor seconds of a question on a store by draw, null if unknown. */
        answered(store, question) {
            if (question === UNFORESEEN) { return this.unforeseen(store); }
            if (Object.hasOwn(store.processor, question)) { return answer(drawn(store.processor[question])); }
            if (Object.hasOwn(store.cannot, question)) { return answer(null, store.cannot[question], true); }
            return answer(null, Object.hasOwn(store.unsure, question) ? store.unsure[question] : 'it was not asked');
        }

        /* Returns all single stores, and all pairs of stores of two engines, of these engines (empty: any). */
        candidates(engines, asked) {
            const may = this.evidence.stores.filter((store) => !engines.length || engines.includes(engineOf(store.arm)));
            const pairs = may.flatMap((one, place) => may.slice(place + 1).map((two) => [one, two]))
                .filter(([one, two]) => engineOf(one.arm) !== engineOf(two.arm));
            const found = [...may.map((store) => [store]), ...pairs].map((stores) => this.candidate(stores, asked));
            return found.filter((one) => one.parts.length === 1 || one.parts.every((part) => part.questions.length));
        }

        unforeseen(store) {
            const raw = this.raw(store);
            if (!raw) { return answer(null, 'it does not store the events, or the run has no layout raw of them', true); }
            const each = new Map(Object.keys(this.ask).map((question) => [question, this.answered(raw, question)]));
            for (const [question, found] of each) {
                if (!found.seconds) { return { ...found, why: `${question} on ${raw.arm}: ${found.why}` }; }
            }
            const total = Object.values(this.ask).reduce((all, weight) => all + weight, 0);
            return answer(sum([...knownOf(each)].map(([name, known]) => scaled(this.ask[name] / total, known))));
        }

        candidate(stores, asked) {
            const found = new Map(stores.map((store) => [store.arm, new Map(asked.map((question) => [question, this.answered(store, question)]))]));
            const totals = stores.map((store) => this.total(found, store.arm));
            const home = stores[totals.indexOf(Math.min(...totals))].arm;
            const given = new Map(stores.map((store) => [store.arm, []])), fails = [], unknown = [];
            for (const question of asked) {
                const known = knownOf([...found].map(([arm, each]) => [arm, each.get(question)]));
                if (known.size) {
                    given.get(cheapest(known, home)).push(question);
                    continue;
                }
                const gaps = [...found].map(([arm, each]) => ({ arm, question, why: each.get(question).why }));
                const possible = gaps.filter((gap) => !found.get(gap.arm).get(question).never);
                (possible.length ? unknown : fails).push(...(possible.length ? possible : gaps));
            }
            const parts = stores.map((store) => ({ store, questions: given.get(store.arm) }));
            return { parts, fails, unknown, name: stores.map((store) => store.arm).join(' and ') };
        }

        /* Returns the mean processor seconds of the asked questions that all stores answer, by their weights. */
        total(found, arm) {
            const answers = Object.entries(this.ask).map(([name, weight]) => [weight, knownOf([...found].map(([of, each]) => [of, each.get(name)]))]);
            return mean(sum(answers.filter(([, known]) => known.size === found.size).map(([weight, known]) => scaled(weight, known.get(arm)))));
        }
    }

    Object.assign(choosing, { UNFORESEEN, Stores, evidenceOf, engineOf, layoutOf });
}
