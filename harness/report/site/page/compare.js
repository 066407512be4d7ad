'use strict';

/* Compare: every question on every engine and layout. */
{
    /* The figures that the cells can show: [label, (cell) => { value, low, high, note }, or null without the figure]. */
    const ofTime = (time) => time && { value: time.median, low: time.low, high: time.high };
    const FIGURES = {
        median: ['median', (cell) => ofTime(cell.time)],
        first: ['first request', (cell) => cell.first && { value: cell.first[0], note: cell.first[1] }],
        alone: ['alone', (cell) => ofTime(cell.alone)],
        cached: ['from a cache', (cell) => ofTime(cell.cached)],
        processor: ['processor time', (cell) => isKnown(cell.processor)
            ? { value: cell.processor, low: (cell.processor_interval || [])[0], high: (cell.processor_interval || [])[1] } : null],
    };
    const keyOf = (question, arm) => `${question}~${arm}`;
    const errorsOf = (run) => unique(run.questions.map((question) => String(question.error))).sort((a, b) => a - b);
    const kindsOf = (run) => unique(run.questions.map((question) => question.kind)).filter(Boolean);

    const parameters = (run) => ({
        engine: someOf(enginesOf(run)), layout: someOf(layoutsOf(run)), kind: oneOf(kindsOf(run)), error: oneOf(errorsOf(run)),
        figure: oneOf(Object.keys(FIGURES)), sort: oneOf(armsOf(run).flatMap((arm) => [arm, '-' + arm])),
        open: someOf(run.questions.flatMap((question) => question.cells.map((cell) => keyOf(question.name, cell.arm)))),
    });

    /* The questions and arms that the state selects, in its order; questions without the figure come last. */
    function selected(run, state) {
        const arms = armsOf(run).filter((arm) => (!state.engine.length || state.engine.includes(engineOf(arm)))
            && (!state.layout.length || state.layout.includes(layoutOf(arm))));
        const questions = run.questions.filter((question) => (!state.kind || question.kind === state.kind)
            && (!state.error || question.error <= Number(state.error)));
        const [arm, sign] = state.sort.startsWith('-') ? [state.sort.slice(1), -1] : [state.sort, 1];
        const value = (question) => { const cell = cellOf(question, arm), figure = cell && figureOf(cell, state); return figure ? figure.value : null; };
        const order = (one, other) => (value(one) === null) - (value(other) === null) || sign * (value(one) - value(other));
        return { arms, questions: arm ? [...questions].sort(order) : questions };
    }
    const figureOf = (cell, state) => FIGURES[state.figure || 'median'][1](cell);

    function filters(run, state, change) {
        const errors = errorsOf(run).filter((error) => error !== '0').map((error) => [error, 'up to ' + percent(Number(error))]);
        const sorts = armsOf(run).flatMap((arm) => [[arm, arm + ', lowest first'], ['-' + arm, arm + ', highest first']]);
        const used = ['engine', 'layout', 'kind', 'error', 'figure', 'sort'].some((name) => state[name].length);
        const controls = h('div', { class: 'filters', role: 'group', 'aria-label': 'Filters' },
            checkboxes('Engine', 'engine', enginesOf(run), state.engine, (engine) => change({ engine })),
            checkboxes('Layout', 'layout', layoutsOf(run), state.layout, (layout) => change({ layout })),
            select('Kind of question', 'kind', [['', 'all'], ...kindsOf(run).map((kind) => [kind, kind])], state.kind, (kind) => change({ kind })),
            select('Tolerated error', 'error', [['', 'any'], ['0', 'none'], ...errors], state.error, (error) => change({ error })),
            select('Figure', 'figure', Object.entries(FIGURES).map(([name, [label]]) => [name === 'median' ? '' : name, label]), state.figure, (figure) => change({ figure })),
            select('Sort by', 'sort', [['', 'the order of the file'], ...sorts], state.sort, (sort) => change({ sort })));
        return h('details', { class: 'controls', open: used || window.innerWidth > 767 }, h('summary', {}, 'Filters and order'), controls);
    }

    /* At how many questions each engine has the lowest median, and how many it answers: the first thing to read. */
    function summary(run, arms) {
        const layouts = unique(arms.map(layoutOf)), engines = unique(arms.map(engineOf)).map((engine) => ({ engine, cells: run.questions
            .flatMap((question) => question.cells).filter((cell) => arms.includes(cell.arm) && engineOf(cell.arm) === engine) }));
        const lowest = layouts.map((layout) => [`Lowest median on ${layout}`, ({ engine }) => {
            const found = lowestMedians(run, engine, layout);
            return found.of ? [`${found.lowest} of ${found.of} `, found.lowest ? small(`${found.claimed} claimed`) : null] : DASH;
        }]);
        return dataTable('What each engine answers', engines, [
            ['Engine', ({ engine }) => [armName(engine), ' ', h('span', { class: 'version' }, run.header.versions[engine] || '')]], ...lowest,
            ['Answered', ({ cells }) => `${cells.filter(isAnswered).length} of ${cells.length}`],
        ], 'summary');
    }

    /* What a reader has to know before comparing engines on `tuned`. */
    const aboutTuned = (run) => !layoutsOf(run).includes('tuned') ? '' : run.tuned_comparable
        ? 'every engine has tables that suit its own way of storing, made for these questions by one rule: roll-ups by day, and tables of cohorts, for all values of the parameters'
        : 'when this run was made, the engines’ tables were not yet designed alike: do not compare engines there';

    function words(run) {
        const { title, rows, started, cores, profile } = run.summary;
        return [h('p', { class: 'lead' }, `${title}: ${plural(rows, 'event')}, ${plural(cores, 'core')}, ${day(started)}, profile ${profile}. Every answer was checked. A lowest median is no claim: `
            + 'claimed are the questions at which all other engines of the run are claimed to be slower on the layout.'),
        run.tuned_comparable || !aboutTuned(run) ? null : h('p', { class: 'trouble' }, `On tuned, ${aboutTuned(run)}.`),
        folded('Scope, budget and noise of these figures', facts([
            ['Scope', run.header.scope.join('; ')],
            ['On tuned', aboutTuned(run)],
            ['Budget', `${plural(run.header.budget.cores, 'core')} and ${bytes(run.header.budget.memory)} for each engine`],
            ['Noise', run.noise],
        ]), h('p', {}, link(pageAddress('method', run.summary.name), 'All about the method')))];
    }

    function cellButton(run, question, cell, state, scale, change) {
        const key = keyOf(question.name, cell.arm), open = state.open.includes(key), figure = figureOf(cell, state);
        const note = figure && figure.note || (state.figure ? '' : compared(cell));
        const sign = SIGNS[cell.verdict], text = figure ? `${sign} ${seconds(figure.value)}` : isAnswered(cell) ? `${sign} not timed` : `${sign} ${cell.verdict}`;
        const button = h('button', { type: 'button', id: 'cell-' + key, class: 'cell ' + cell.verdict.replace(' ', '-'), 'aria-expanded': String(open),
            'aria-label': [question.name, cell.arm, cell.verdict, figure ? seconds(figure.value) : '', note, cell.where].filter(Boolean).join(', ') },
        h('strong', {}, text), figure && scale ? intervalBar(figure, scale.place) : '', small(note || cell.where || ''),
        cell.break_even && !state.figure ? small(`pays after ${count(Math.ceil(cell.break_even))}`) : '');
        button.addEventListener('click', () => change({ open: open ? state.open.filter((one) => one !== key) : [...state.open, key] }));
        return h('td', { role: 'cell', 'data-arm': cell.arm }, button);
    }

    /* The opened cells of a question, side by side. */
    function opened(question, cells, width) {
        const panels = cells.map((cell) => h('article', {}, h('h2', {}, `${question.name} on ${cell.arm}`), cellFacts(cell),
            cell.asked ? query(cell.asked, `The exact query of ${question.name} on ${cell.arm}`) : ''));
        return h('tr', { role: 'row', class: 'opened' }, h('td', { role: 'cell', colspan: width }, h('div', { class: 'panels' }, panels)));
    }

    function sortButton(arm, state, change) {
        const down = state.sort === arm, up = state.sort === '-' + arm;
        const button = h('button', { type: 'button', id: 'sort-' + arm, 'aria-label': `${arm}: sort` }, layoutOf(arm), h('span', { 'aria-hidden': 'true' }, down ? ' ↑' : up ? ' ↓' : ''));
        button.addEventListener('click', () => change({ sort: down ? '-' + arm : up ? '' : arm }));
        return h('th', { role: 'columnheader', scope: 'col', 'aria-sort': down ? 'ascending' : up ? 'descending' : 'none' }, button);
    }

    function heading(run, arms, state, change) {
        const groups = unique(arms.map(engineOf)).map((engine) => [engine, arms.filter((arm) => engineOf(arm) === engine)]);
        return h('thead', { role: 'rowgroup' },
            h('tr', { role: 'row' }, h('th', { role: 'columnheader', scope: 'col', rowspan: 2 }, 'Question'), groups.map(([engine, own]) =>
                h('th', { role: 'columnheader', scope: 'colgroup', colspan: own.length }, h('i', { class: 'swatch ' + toneOf(engine) }), engine))),
            h('tr', { role: 'row' }, arms.map((arm) => sortButton(arm, state, change))));
    }

    function rows(run, questions, arms, state, scale, change) {
        return questions.flatMap((question) => {
            const cells = arms.map((arm) => cellOf(question, arm)), open = cells.filter((cell) => cell && state.open.includes(keyOf(question.name, cell.arm)));
            const kind = [question.kind, question.error ? percent(question.error) + ' tolerated' : ''].filter(Boolean).join(', ');
            const row = h('tr', { role: 'row' }, h('th', { role: 'rowheader', scope: 'row' },
                link(pageAddress('questions', run.summary.name, { question: question.name }), question.name), h('span', {}, question.story), small(kind)),
            cells.map((cell) => cell ? cellButton(run, question, cell, state, scale, change) : h('td', { role: 'cell' })));
            return open.length ? [row, opened(question, open, arms.length + 1)] : [row];
        });
    }

    function costs(run, arms) {
        const line = (label, text) => h('tr', { role: 'row' }, h('th', { role: 'rowheader', scope: 'row' }, label), arms.map((arm) => {
            const load = loadOf(run, arm);
            return h('td', { role: 'cell', 'data-arm': arm }, load ? text(load.cost) : DASH);
        }));
        return h('tbody', { role: 'rowgroup', class: 'costs' }, line('Load until settled', (cost) => seconds(cost.seconds)),
            line('On disk', (cost) => bytes(cost.bytes)), line('Rows stored', (cost) => count(cost.rows)));
    }

    /* Arrow keys move between cells; Escape closes the opened cell in focus, else the one opened last. */
    function keys(event, state, change) {
        const cell = event.target.closest('button.cell');
        if (event.key === 'Escape' && state.open.length) {
            const own = cell && cell.id.slice('cell-'.length), last = state.open.includes(own) ? own : state.open[state.open.length - 1];
            document.getElementById('cell-' + last).focus();
            change({ open: state.open.filter((one) => one !== last) });
        }
        const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
        if (!cell || !step) { return; }
        const table = [...cell.closest('tbody').rows].filter((row) => !row.classList.contains('opened')), row = cell.closest('tr');
        const target = (table[table.indexOf(row) + step[0]] || row).cells[cell.parentElement.cellIndex + step[1]];
        const button = target && target.querySelector('button.cell');
        if (button) { event.preventDefault(); button.focus(); }
    }

    function draw(run, state, change) {
        const { arms, questions } = selected(run, state);
        const figures = questions.flatMap((question) => arms.map((arm) => cellOf(question, arm))).filter(Boolean)
            .map((cell) => figureOf(cell, state)).filter(Boolean);
        const scale = logScale(figures.flatMap((figure) => [figure.value, figure.low, figure.high]));
        const label = FIGURES[state.figure || 'median'][0];
        const legend = !questions.length ? 'No question matches these filters.'
            : (scale ? `${label[0].toUpperCase() + label.slice(1)}, and its 99% interval as a bar on one logarithmic scale from ${seconds(scale.low)} to ${seconds(scale.high)}. ` : '')
            + '✓ right, ≈ within the tolerated error, ✗ wrong (never timed), – unsupported, ! failed. A ratio comes from the rounds that asked both arms, so it may differ from the ratio of two medians. '
            + 'A cell opens to its exact query and all its figures; arrow keys move between cells, and Escape closes one.';
        const table = h('div', { class: 'scrolled', tabindex: '0', role: 'region', 'aria-label': 'Questions by engine and layout' },
            h('table', { role: 'table', class: 'compare', style: `--arms:${arms.length}`, 'aria-label': 'Questions by engine and layout' }, heading(run, arms, state, change),
                h('tbody', { role: 'rowgroup', class: 'questions' }, rows(run, questions, arms, state, scale, change)), costs(run, arms)));
        return [summary(run, arms), words(run), filters(run, state, change), table, h('p', { class: 'note' }, legend)];
    }

    addPage({ name: 'compare', title: 'Compare', heading: 'What each engine answers, and how fast', parameters, draw, keys });
}
