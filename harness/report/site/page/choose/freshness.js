'use strict';

/* Whether stores follow a stream of new events, and how fresh their answers are meanwhile. */
{
    const { DAY, LEAST_LAUNCHES, Pricing, general, layoutOf, plain } = choosing;
    const TUNED = 'tuned', AT_ONCE = 'the tables of tuned are made from all events at once, so that no stream fills them';
    const short = (value) => general(value, 3).replace(/,/g, '');
    const isAtMost = (one, other) => one <= other || Math.abs(one - other) <= 1e-6 * Math.max(one, other);
    const least = (streams, order) => streams.reduce((best, one) => best && order(best, one) <= 0 ? best : one, null);

    /* Judges the stores of candidates by the streams that they followed. Without a needed broker, a store may use any of
       those through which it followed streams. */
    class Freshness {
        constructor(pricing) { Object.assign(this, { pricing, needs: pricing.needs }); }

        /* Whether the needs ask for stores that follow a stream. */
        get isNeeded() { return this.needs.fresh_seconds !== null || Boolean(this.needs.events_a_second || this.needs.broker); }

        /* The needed rate of events, a second. */
        get rate() { return Math.max(this.needs.events_a_second, this.needs.events_a_day / DAY); }

        /* Returns why a store is known not to follow the stream that is needed; empty if it does or if it is unknown. */
        failure(part) {
            if (!this.isNeeded || this.able(part).length) { return ''; }
            if (layoutOf(part.store.arm) === TUNED) { return AT_ONCE; }
            const reasons = new Map();
            for (const stream of this.streams(part)) { reasons.set(stream.broker, reasons.get(stream.broker) || this.fails(part, stream)); }
            const each = [...reasons.values()];
            return each.length && each.every(Boolean) ? each[0] : '';
        }

        /* Returns what is not known of a store that does not fail; empty if it is known to serve. */
        unknown(part) {
            if (!this.isNeeded || this.able(part).length) { return ''; }
            const { needs } = this, through = needs.broker ? ` through ${needs.broker}` : '';
            const within = needs.fresh_seconds === null ? '' : ` with 99 of 100 in answers within ${plain(needs.fresh_seconds)} s`;
            return `it is not known to follow ${plain(this.rate)} events a second${through}${within} while it is asked`;
        }

        /* Returns the slowest stream that shows that a store serves; null if there is none, or if none is needed. */
        shown(part) { return this.isNeeded ? least(this.able(part), (one, two) => one.rate - two.rate || one.asked - two.asked) : null; }

        /* Returns the least seconds that all stores are known to serve, and those below which one is known not to (0 if
           none are); null if unknown. */
        limit(candidate) {
            const free = this.with({ fresh_seconds: null });
            const high = (one) => one.high === null ? Infinity : one.high;
            const fastest = candidate.parts.map((part) => least(free.able(part), (one, two) => high(one) - high(two) || 0));
            if (!this.isNeeded || !fastest.every((one) => one && one.high !== null)) { return null; }
            const most = Math.max(...fastest.map((one) => one.high));
            return [most, Math.min(most, Math.max(...candidate.parts.map((part) => this.exceeds(part))))];
        }

        /* The seconds within which a store is known not to have 99 of 100 events in answers, through any broker. */
        exceeds(part) {
            const lows = new Map();
            for (const one of this.streams(part)) {
                const low = !one.never && !one.fails && this.isSlower(part, one) ? one.low : 0;
                lows.set(one.broker, Math.max(lows.get(one.broker) || 0, low));
            }
            return lows.size ? Math.min(...lows.values()) : 0;
        }

        isSlower(part, stream) { return isAtMost(stream.rate, this.rate) && isAtMost(stream.asked, this.asked(part)); }

        /* Returns the highest rate of all questions at which a store is known to serve; infinite if none is needed. */
        most(part) {
            if (!this.isNeeded) { return Infinity; }
            return Math.max(0, ...this.able(part, 0).map((one) => one.asked)) / (this.share(part) || 1);
        }

        /* Returns up to which rate of events all stores are known to follow, and a higher one at which one fails or null. */
        fastest(candidate) {
            const atAny = this.with({ events_a_second: 0, events_a_day: 0 });
            const met = Math.min(...candidate.parts.map((part) => Math.max(0, ...atAny.able(part).map((one) => one.rate))));
            const tried = candidate.parts.flatMap((part) => this.streams(part).map((one) => one.rate)).filter((rate) => rate > met).sort((one, two) => one - two);
            const missed = tried.find((rate) => candidate.parts.some((part) => this.with({ events_a_second: rate }).failure(part)));
            return [met, missed === undefined ? null : missed];
        }

        /* The judgement by needs with other values. */
        with(changes) { return new Freshness(new Pricing(this.pricing.stores, { ...this.needs, ...changes })); }

        streams({ store }) { return store.streams.filter((one) => this.needs.broker === null || this.needs.broker === one.broker); }

        /* The share of a store's questions in all questions. */
        share({ questions }) {
            const shares = this.pricing.shares();
            return questions.reduce((all, question) => all + shares[question], 0);
        }

        asked(part) { return this.needs.rate * this.share(part); }

        fails(part, stream) {
            const at = `at ${plain(stream.rate)} events a second through ${stream.broker}`, needed = this.needs.fresh_seconds;
            const isSlower = this.isSlower(part, stream);
            if (stream.never || (stream.fails && isSlower)) { return stream.never || `${at}: ${stream.fails}`; }
            return isSlower && needed !== null && stream.low > needed ? `${at}, 99 of 100 events are in answers only after ${short(stream.low)} s or more` : '';
        }

        /* The streams that show that a store serves, while it is asked so many questions a second. */
        able(part, wanted = this.asked(part)) {
            const needed = this.needs.fresh_seconds, isFresh = ({ high }) => needed === null || (high !== null && high <= needed);
            return this.streams(part).filter((one) => !one.never && !one.fails && one.launches >= LEAST_LAUNCHES && isFresh(one)
                && isAtMost(this.rate, one.rate) && isAtMost(wanted, one.asked));
        }
    }

    Object.assign(choosing, { Freshness });
}
