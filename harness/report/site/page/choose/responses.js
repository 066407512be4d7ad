'use strict';

/* What is known of the p95 of response times under load, for any part of the questions of a mix. Pairs are [low, high]. */
{
    const SHARE = 0.95, NORMAL = 2.326, WIDTH = 1.05;

    /* Returns the longest seconds of the bucket with the value of this rank, counted from 1; else `missing`. */
    function ranked(counts, rank, missing) {
        let below = 0;
        for (const bucket of [...counts.keys()].sort((one, two) => one - two)) {
            below += counts.get(bucket);
            if (below >= rank && rank > 0) { return WIDTH ** bucket / 1000; }
        }
        return missing;
    }

    /* Returns the pair with the smallest second value, the first one of several; { 0, infinite } of none. */
    const fastest = (bounds) => bounds.reduce((best, bound) => best && best[1] <= bound[1] ? best : bound, null) || [0, Infinity];

    /* Returns the pair with the largest second value, the first one of several; { 0, infinite } of none. */
    const slowest = (bounds) => bounds.reduce((worst, bound) => worst && worst[1] >= bound[1] ? worst : bound, null) || [0, Infinity];

    /* An open loop: how many responses of each question fell into each bucket; no buckets if it was not sustained. */
    class Loop {
        constructor({ rate, buckets, together }) { Object.assign(this, { rate, buckets, together }); }

        /* Returns between which seconds the p95 of these questions' responses lies, each bound with 99% confidence. */
        p95(questions) {
            if (!Object.keys(this.buckets).length) { return [Infinity, Infinity]; }
            const counts = new Map();
            for (const question of questions) {
                for (const [bucket, count] of Object.entries(this.buckets[question] || {})) {
                    counts.set(Number(bucket), (counts.get(Number(bucket)) || 0) + count);
                }
            }
            const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
            const reach = NORMAL * Math.sqrt(total * SHARE * (1 - SHARE) * this.together);
            const low = Math.floor(total * SHARE - reach), high = Math.ceil(total * SHARE + reach) + 1;
            return [ranked(counts, low, 0) / WIDTH, ranked(counts, high, Infinity)];
        }
    }

    /* The open loops of a mix or of a question on one arm, in increasing order of rates. */
    class UnderLoad {
        constructor({ loops, slow, objective, most }) { Object.assign(this, { loops: loops.map((one) => new Loop(one)), slow, objective, most }); }

        /* Returns between which seconds the p95 of these questions lies at the lowest measured rate that is not lower. */
        p95(questions, rate) {
            const sufficient = this.loops.filter((loop) => loop.rate >= rate), lowest = Math.min(...sufficient.map((loop) => loop.rate));
            return slowest(sufficient.filter((loop) => loop.rate === lowest).map((loop) => loop.p95(questions)));
        }

        /* Returns the seconds that the p95 of all the mix's questions is known to exceed at `rate`, which a rate that is no
           higher tells; 0 if none are. */
        exceeds(questions, rate) {
            const known = this.loops.filter((loop) => loop.rate <= rate).map((loop) => loop.p95(questions)[0]);
            return Math.max(this.slow ? this.objective : 0, ...known);
        }

        /* Whether the p95 of all the mix's questions is known to exceed `seconds` at `rate` requests a second. */
        misses(questions, rate, seconds) {
            return this.exceeds(questions, rate) > seconds || (this.slow && seconds <= this.objective);
        }

        /* Returns the highest rate known to meet a p95 of `seconds`, and the next that was tried; 0 if none met it. */
        rates(questions, seconds) {
            const rates = (fits) => this.loops.filter(fits).map((loop) => loop.rate);
            const met = Math.max(0, ...rates((loop) => this.p95(questions, loop.rate)[1] <= seconds));
            return [met, Math.min(Infinity, ...rates((loop) => loop.rate > met))];
        }

        /* The highest rate that was sustained, and the lowest that was not; 0 and infinite without such rates. */
        get sustained() {
            const isSustained = (loop) => Object.keys(loop.buckets).length > 0;
            const missed = Math.min(Infinity, ...this.loops.filter((loop) => !isSustained(loop)).map((loop) => loop.rate));
            return [Math.max(0, ...this.loops.map((loop) => loop.rate).filter((rate) => rate < missed)), missed];
        }
    }

    Object.assign(choosing, { UnderLoad, fastest });
}
