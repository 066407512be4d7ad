'use strict';

/* How fast candidates are known to answer under load. Pairs are [low, high]. */
{
    const { fastest } = choosing;
    const isClose = (one, two) => Math.abs(one - two) <= 1e-9 * Math.max(Math.abs(one), Math.abs(two));
    const largest = (pairs) => pairs.reduce((best, one) => one[0] > best[0] || (one[0] === best[0] && one[1] > best[1]) ? one : best);
    const total = (weights) => Object.values(weights).reduce((sum, weight) => sum + weight, 0);

    /* The p95 of response times of candidates at the rate of the needs. */
    class Speed {
        constructor(stores, needs) { Object.assign(this, { stores, needs }); }

        /* The measured mix that asks each question as often as the needs do; null if there is none. */
        get mix() {
            const { ask } = this.stores, names = Object.keys(ask), all = total(ask);
            if (this.needs.unforeseen) { return null; }
            for (const [mix, counts] of Object.entries(this.stores.evidence.mixes)) {
                const length = total(counts);
                const isAlike = names.every((name) => isClose(ask[name] / all, (counts[name] || 0) / length));
                if (isAlike && Object.keys(counts).length === names.length) { return mix; }
            }
            return names.length === 1 ? names[0] : null;
        }

        /* Returns the seconds that the p95 of the slowest store is known not to exceed; infinite if none are. */
        p95(candidate) { return Math.max(...candidate.parts.map((part) => this.partP95(part)[1])); }

        /* Whether a single store is known to have a larger p95 than these seconds, with 99% confidence. */
        misses(candidate, seconds) {
            const found = this.alone(candidate);
            return Boolean(found) && found.misses(Object.keys(this.stores.ask), this.needs.rate, seconds);
        }

        /* Returns the seconds that the p95 of a single store is known to exceed at the rate of the needs; 0 if none. */
        exceeds(candidate) {
            const found = this.alone(candidate);
            return found ? found.exceeds(Object.keys(this.stores.ask), this.needs.rate) : 0;
        }

        /* Returns the seconds that the p95 of a single store exceeds at any rate; 0 if none are known. */
        slow(candidate) {
            const found = this.alone(candidate);
            return found && found.slow ? found.objective : 0;
        }

        /* Returns the most answers a second that a single store gave to clients that wait for each; infinite if unknown, or
           if the store was offered rates, which then tell more. */
        most(candidate) {
            const found = this.alone(candidate);
            return !found || found.loops.length || found.most === null ? Infinity : found.most;
        }

        /* What a single store showed under load of the whole mix; null for pairs, and if it was not measured. */
        alone({ parts }) { return (parts.length === 1 && parts[0].store.under_load[this.mix]) || null; }

        /* Returns the highest rate of the whole mix at which a store is known to meet the p95, and the next one tried. */
        capacity(part) {
            const found = this.loads(part).map(([one, questions, share]) => {
                const seconds = this.needs.p95_ms ? this.needs.p95_ms / 1000 : one.objective;
                return one.rates(questions, seconds).map((rate) => rate / share);
            });
            return largest([[0, Infinity], ...found]);
        }

        /* Returns the highest rate of the whole mix that a store is known to sustain, and the lowest it did not; both are
           infinite if no rate of the mix was tried. */
        sustained(part) {
            const tried = this.loads(part).filter(([one]) => one.loops.length);
            return tried.length ? largest(tried.map(([one, , share]) => one.sustained.map((rate) => rate / share))) : [Infinity, Infinity];
        }

        partP95(part) {
            return fastest(this.loads(part).map(([one, questions, share]) => one.p95(questions, this.needs.rate * share)));
        }

        /* Lists what a store showed under load, its questions there, and their share in the rate of the needs. */
        loads({ store, questions }) {
            const found = [], whole = store.under_load[this.mix], own = questions.length === 1 && store.under_load[questions[0]];
            if (whole) { found.push([whole, questions, 1]); }
            if (own) {
                const share = (1 - this.needs.unforeseen) * ((this.stores.ask[questions[0]] || 0) / total(this.stores.ask));
                if (share) { found.push([own, questions, share]); }
            }
            return found;
        }
    }

    Object.assign(choosing, { Speed, total });
}
