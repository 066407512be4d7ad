'use strict';

/* Needs: what is asked of a store, and at what prices. `null` means that any value is accepted. */
{
    const DAYS_A_YEAR = 365.25;
    const PRICES = { cpu_hour: 0.04, memory_gb_month: 3, disk_gb_month: 0.1, system_month: 0, cluster_hour: null };
    const NEEDS = {
        ask: {}, rate: 1, unforeseen: 0, p95_ms: null, error: null, events_a_day: 0, events_a_second: 0, fresh_seconds: null, broker: null, years: null, disk_gb: null,
        load_seconds: null, replicas: 1, nodes: 1, engines: [], prices: PRICES,
    };

    /* The number of events that are kept; 0 if it is not given. */
    const rowsOf = (needs) => needs.events_a_day * DAYS_A_YEAR * (needs.years || 0);

    /* Returns the needs with these values by the name of the need or price. */
    function changed(needs, values) {
        const isPrice = ([name]) => Object.hasOwn(PRICES, name), given = Object.entries(values);
        const prices = { ...needs.prices, ...Object.fromEntries(given.filter(isPrice)) };
        return { ...needs, ...Object.fromEntries(given.filter((one) => !isPrice(one))), prices };
    }

    Object.assign(choosing, { DAYS_A_YEAR, PRICES, NEEDS, rowsOf, changed });
}
