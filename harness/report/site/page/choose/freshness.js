'use strict';

/* Whether stores keep up with a stream of new events, and how fresh their answers are meanwhile. */
{
    const { LEAST_LAUNCHES, general, layoutOf, plain } = choosing;
    const TUNED = 'tuned', AT_ONCE = 'the tables of tuned are made from all events at once, so that no stream fills them';
    const short = (value) => general(value, 3).replace(/,/g, '');

    /* Judges stores by the streams that they followed, for given needs. */
    class Freshness {
        constructor(needs) { this.needs = needs; }

        /* Whether the needs ask for a store that follows a stream. */
        get isAsked() { return this.needs.fresh_seconds !== null || Boolean(this.needs.events_a_second || this.needs.broker); }

        /* Returns why a store is known not to follow the stream that is needed; empty if it does or if it is unknown. */
        failure(store) {
            if (!this.isAsked) { return ''; }
            if (layoutOf(store.arm) === TUNED) { return AT_ONCE; }
            const streams = this.streams(store), rate = this.needs.events_a_second || Math.min(...streams.map((one) => one.rate));
            return streams.filter((one) => one.rate <= rate && one.asked <= this.needs.rate).map((one) => this.fails(one)).find(Boolean) || '';
        }

        /* Returns what is not known of the freshness of a store that does not fail; empty if it is known to serve. */
        unknown(store) {
            const { needs } = this, able = this.streams(store).filter((one) => this.serves(one));
            if (!this.isAsked || able.some((one) => one.launches >= LEAST_LAUNCHES)) { return ''; }
            const through = needs.broker ? ` through ${needs.broker}` : '', few = able.length ? ` in ${LEAST_LAUNCHES} launches` : '';
            const at = needs.events_a_second ? ` at ${plain(needs.events_a_second)} events` : ' at any rate of events';
            return `its freshness${at}${through} and ${plain(needs.rate)} questions a second was not measured${few}`;
        }

        /* Returns the slowest stream that shows that a store serves; undefined if there is none, or if none is needed. */
        shown(store) {
            const able = this.isAsked ? this.streams(store).filter((one) => this.serves(one)) : [];
            return able.sort((one, two) => one.rate - two.rate || one.asked - two.asked)[0];
        }

        /* Returns between which seconds 99 of 100 events are in answers of the slowest store; null if unknown. */
        limit(candidate) {
            const seen = candidate.parts.map((part) => this.shown(part.store));
            if (!seen.every((one) => one && one.high !== null)) { return null; }
            return [Math.max(...seen.map((one) => one.low)), Math.max(...seen.map((one) => one.high))];
        }

        streams(store) { return store.streams.filter((one) => this.needs.broker === null || this.needs.broker === one.broker); }

        fails(stream) {
            const at = `at ${plain(stream.rate)} events a second through ${stream.broker}`, needed = this.needs.fresh_seconds;
            if (stream.fails) { return `${at}: ${stream.fails}`; }
            return needed !== null && stream.low > needed ? `${at}, 99 of 100 events are in answers only after ${short(stream.low)} s or more` : '';
        }

        serves(stream) {
            const { needs } = this, isFresh = needs.fresh_seconds === null || (stream.high !== null && stream.high <= needs.fresh_seconds);
            return !stream.fails && isFresh && stream.rate >= needs.events_a_second && stream.asked >= needs.rate;
        }
    }

    Object.assign(choosing, { Freshness });
}
