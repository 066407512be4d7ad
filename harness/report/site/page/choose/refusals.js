'use strict';

/* Refusals: needs outside of what was measured, each with the command that measures it. */
{
    const { DAYS_A_YEAR, engineOf, fixed, layoutOf, plain, rowsOf, shell, whole } = choosing;
    const GENERATED_YEARS = 10, ALIKE = 1.25, SIZES = 3, REACH = 10, RAW = 'raw', TUNED = 'tuned', LEAST_LAUNCHES = 3, GLANCES = 5, SLOW = 100;
    const unique = (values) => [...new Set(values)];
    const enginesOf = (evidence) => unique(evidence.stores.map((store) => engineOf(store.arm)));

    /* Returns the needs for which no store was measured, as { what, why, command }. */
    function refusals(evidence, needs, ask) {
        const measured = enginesOf(evidence), missing = needs.engines.filter((name) => !measured.includes(name)), found = [];
        if (missing.length) {
            const why = `${missing.join(', ')} was not measured, only ${measured.join(', ')}`;
            found.push({ what: 'engines', why, command: measuring(evidence, { engines: missing }) });
        }
        const nodesOf = (name) => (Object.hasOwn(evidence.nodes, name) ? evidence.nodes[name] : 1);
        const considered = measured.filter((name) => !needs.engines.length || needs.engines.includes(name));
        for (const number of unique(considered.map(nodesOf)).filter((one) => one !== needs.nodes)) {
            const others = considered.filter((name) => nodesOf(name) === number);
            const ran = `${others.join(', ')} ran on ${number === 1 ? 'one machine' : `${number} machines`}`;
            const remedy = 'name such clusters in the environment, or leave these engines out by --engines';
            const why = `${ran}, you need ${needs.nodes} for each store; ${remedy}`;
            found.push({ what: 'machines', why, command: measuring(evidence, { engines: others, more: ['--via', 'external'] }) });
        }
        if (needs.years !== null) { found.push(...ofSize(evidence, needs)); }
        if (needs.error !== null) {
            for (const name of Object.keys(ask).filter((one) => (evidence.errors[one] || 0) > needs.error)) {
                const why = `${name} was asked with an error of ${plain(evidence.errors[name])}, you tolerate ${plain(needs.error)}`;
                const command = measuring(evidence, { questions: [name] });
                found.push({ what: 'tolerated error', why: `${why}; lower it in a copy of the dataset`, command });
            }
        }
        return found;
    }

    /* Returns the refusals of other spans and numbers of events than those that were measured. */
    function ofSize(evidence, needs) {
        const rows = rowsOf(needs), found = [], larger = measuring(evidence, { more: ['--rows', whole(rows || evidence.rows)] });
        if (evidence.days === null) {
            const why = 'the file does not say how many days its events span', own = evidence.option !== evidence.dataset ? ['--dataset', evidence.option] : [];
            found.push({ what: 'years kept', why, command: shell(['rollup-bench', 'submit', evidence.name, ...own]) });
        } else if (needs.years * DAYS_A_YEAR > ALIKE * evidence.days) {
            const span = fixed(evidence.days / DAYS_A_YEAR, 1).replace(/,/g, '');
            const why = `the events span ${span} years, you keep ${plain(needs.years)}`;
            const canGenerate = evidence.dataset !== evidence.sizable && needs.years <= ALIKE * GENERATED_YEARS;
            found.push(canGenerate ? { what: 'years kept', why, command: larger }
                : { what: 'years kept', why: `${why}; describe events of your own`, command: 'rollup-bench data describe --help' });
        }
        if (rows && !(1 / ALIKE <= rows / evidence.rows && rows / evidence.rows <= ALIKE)) {
            const why = `${fixed(evidence.rows, 0)} events were measured, you keep ${fixed(rows, 0)}; runs in ${SIZES} sizes are extrapolated to ${REACH} times the largest`;
            found.push({ what: 'number of events', why, command: larger });
        }
        return found;
    }

    /* Returns a command that measures the dataset, or its engines or questions, or a generated one of another size. */
    function measuring(evidence, { engines = [], questions = [], more = [] } = {}) {
        const dataset = more.includes('--rows') ? evidence.sizable : evidence.option;
        const layouts = unique(evidence.stores.map((store) => layoutOf(store.arm)));
        const known = layouts.filter((name) => dataset === evidence.option || [RAW, TUNED].includes(name));
        return shell([
            'rollup-bench', 'run', '--dataset', dataset,
            '--engines', (engines.length ? engines : enginesOf(evidence)).join(','), '--layouts', (known.length ? known : [RAW]).join(','),
            ...(questions.length ? ['--questions', questions.join(',')] : []),
            ...(!more.includes('--rows') && dataset === evidence.sizable ? ['--rows', whole(evidence.rows)] : []), ...more, '--profile', 'standard',
        ]);
    }

    /* Returns a command that measures how fresh the answers of engines are at the needed rate of events. */
    function following(evidence, needs, rate, engines) {
        const asks = Math.max(needs.rate, GLANCES / (needs.fresh_seconds || GLANCES)), whole = (value) => String(Math.ceil(value));
        const layouts = unique(evidence.stores.map((store) => layoutOf(store.arm))).filter((name) => name !== TUNED);
        return shell([
            'rollup-bench', 'follow', '--dataset', evidence.option, '--engines', engines.join(','), '--layouts', (layouts.length ? layouts : [RAW]).join(','),
            ...(needs.broker ? ['--broker', needs.broker] : []),
            '--rate', whole(Math.max(rate, SLOW)), '--asks', whole(asks), '--launches', String(LEAST_LAUNCHES),
        ]);
    }

    Object.assign(choosing, { LEAST_LAUNCHES, refusals, measuring, following, unique, enginesOf });
}
