'use strict';

/* The price of a candidate for a month, in each draw. */
{
    const { DAYS_A_YEAR, Speed, UNFORESEEN, between, constant, drawn, eachDraw, scaled, sum, total } = choosing;
    const DAYS = DAYS_A_YEAR / 12, HOURS = 24 * DAYS, SECONDS = 3600 * HOURS, DAY = 86400, GB = 1e9, STEP = 1.28;
    const added = (values) => values.reduce((all, value) => all + (value || 0), 0);

    /* Prices candidates for given needs. */
    class Pricing {
        constructor(stores, needs) { Object.assign(this, { stores, needs, speed: new Speed(stores, needs) }); }

        /* Returns whether the price of a candidate follows from what was measured. */
        knows(candidate) { return this.needs.prices.cluster_hour === null || candidate.parts.every((part) => this.speed.capacity(part)[0]); }

        /* Returns what a candidate costs in a month, by what is paid for, in each draw. */
        parts(candidate) {
            const { needs } = this, { prices } = needs, copies = needs.replicas, owned = candidate.parts.map((part) => part.store);
            const disk = added(owned.map((store) => store.bytes)) / GB * prices.disk_gb_month * copies;
            const paid = { systems: constant(prices.system_month * owned.length), disk: constant(disk) };
            if (prices.cluster_hour !== null) {
                const machines = sum(candidate.parts.map((part) => this.machines(part)));
                return { ...paid, cluster: scaled(HOURS * prices.cluster_hour, machines) };
            }
            const memory = added(owned.map((store) => store.memory)) / GB * prices.memory_gb_month * copies;
            const hour = prices.cpu_hour / 3600;
            const loading = sum(owned.map((store) => store.ingest ? drawn(store.ingest) : constant(0)));
            return {
                ...paid,
                memory: constant(memory),
                questions: scaled(SECONDS * needs.rate * hour, this.seconds(candidate)),
                loading: scaled(DAYS * needs.events_a_day * hour * copies, loading),
            };
        }

        /* Returns what a candidate costs in a month in each draw. */
        total(candidate) { return sum(Object.values(this.parts(candidate))); }

        /* Returns the processor seconds of the mean question in each draw. */
        seconds(candidate) { return sum(candidate.parts.map((part) => this.partSeconds(part))); }

        /* Returns the processor seconds that one store spends on the mean question in each draw. */
        partSeconds(part) {
            const shares = this.shares();
            const found = part.questions.map((question) => [question, this.stores.answered(part.store, question).seconds]);
            return sum(found.filter(([, each]) => each).map(([question, each]) => scaled(shares[question], each)));
        }

        /* Returns the share of each question, and of the unforeseen ones, in all questions. */
        shares() {
            const { ask } = this.stores, all = total(ask), foreseen = 1 - this.needs.unforeseen;
            const known = Object.entries(ask).map(([question, weight]) => [question, foreseen * weight / all]);
            return { ...Object.fromEntries(known), [UNFORESEEN]: this.needs.unforeseen };
        }

        /* Returns how many machines like that of the run a store needs, by the capacity that the run measured. */
        machines(part) {
            const [met, missed] = this.speed.capacity(part), place = this.stores.evidence.stores.indexOf(part.store);
            const most = between(met, Math.min(missed, met * STEP), place);
            return eachDraw((draw) => this.needs.nodes * this.needs.rate / most[draw]);
        }
    }

    Object.assign(choosing, { DAY, GB, Pricing, added });
}
