'use strict';

/* Engines: what each is good and bad at, what it refuses and why, and what it demands of those who run it. */
{
    const parameters = (run) => ({ engine: oneOf(enginesOf(run)) });

    function support(run, engine) {
        const rows = refusals(run, engine);
        const cells = run.questions.flatMap((question) => question.cells).filter((cell) => engineOf(cell.arm) === engine);
        const answered = cells.filter(isAnswered).length;
        return [h('h3', {}, 'Support'), h('p', {}, `In this run it answered ${answered} of ${cells.length} questions on its layouts.`),
            rows.length ? folded(`Why it did not answer the other ${cells.length - answered}`, dataTable(`What ${engine} did not answer`, rows, [
                ['Layout', (row) => row.layout], ['Verdict', (row) => `${SIGNS[row.verdict]} ${row.verdict}`], ['Reason', (row) => row.reason || DASH],
                ['Questions', (row) => row.questions.join(', ')]])) : null];
    }

    function operations(run, engine) {
        const found = run.operations.find((one) => one.engine === engine), tables = run.tables.filter((one) => engineOf(one.arm) === engine);
        if (!found) { return [h('h3', {}, 'Operations'), noOperations()]; }
        const memory = Object.entries(found.memory), idle = memory.reduce((sum, [, one]) => sum + one, 0);
        return [h('h3', {}, 'Operations'), facts([
            ['Processes', memory.length ? `${memory.length}: ${memory.map(([name, one]) => `${name} ${bytes(one)}`).join(', ')}` : 'none of its own'],
            ['Idle memory', memory.length ? bytes(idle) : isKnown(found.added) ? `${bytes(found.added)} in the program that asks` : ''],
            ['Recovery', isKnown(found.recovery) ? `${seconds(found.recovery)} from killing all processes until every layout answers right` : 'no process can be killed'],
            ['Not SQL', found.steps.length ? list(found.steps) : 'nothing'],
        ]),
        folded(`${plural(found.settings.length, 'setting')} that differ from the defaults`, list(found.settings)),
        folded('Tables that the questions read', list(Object.entries(found.tables).map(([layout, names]) => `${layout}: ${names.join(', ') || 'none'}`)),
            tables.length ? dataTable(`Tables of ${engine} besides those of raw`, tables, [
                ['Engine and layout', (one) => one.arm], ['Tables besides raw', (one) => count(one.tables)], ['Seconds a table', (one) => seconds(one.seconds)],
                ['Rows a table', (one) => count(one.rows)], ['Bytes a table', (one) => isKnown(one.bytes) ? bytes(one.bytes) : DASH]]) : null)];
    }

    function card(run, engine) {
        const words = run.engines[engine] || { good: [], bad: [] };
        const part = (title, items) => items.length ? [h('h3', {}, title), list(items.map(code))] : null;
        return h('article', {}, h('h2', {}, h('i', { class: 'swatch ' + toneOf(engine) }), engine, ' ', small(run.header.versions[engine] || '')),
            part('Good at', words.good), part('Bad at', words.bad), support(run, engine), operations(run, engine));
    }

    function draw(run, state, change) {
        const engines = enginesOf(run), chosen = engines.filter((engine) => !state.engine || engine === state.engine);
        return [h('div', { class: 'filters' }, select('Engine', 'engine', [['', 'all'], ...engines.map((one) => [one, one])], state.engine, (engine) => change({ engine }))),
            h('div', { class: 'panels engines' }, chosen.map((engine) => card(run, engine)))];
    }

    addPage({ name: 'engines', title: 'Engines', heading: 'What each engine is good and bad at', parameters, draw });
}
