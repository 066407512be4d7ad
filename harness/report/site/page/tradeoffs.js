'use strict';

/* The trade-offs page: one run, its questions by engine and layout. All state is in the address. */
$(document).ready(function () {
    const GLYPHS = { right: '✓', 'within bound': '≈', wrong: '✗', failed: '!', unsupported: '–' };
    const FILTERS = ['machine', 'run', 'kind', 'layout', 'error'];
    const at = (name) => document.getElementById('tradeoffs-' + name);
    let runs = null;

    if (!location.hash) { history.replaceState(null, '', '#/tradeoffs'); }

    /* Makes an element. It omits attributes and children that are null; children may be text. */
    function h(tag, attributes, ...children) {
        const element = document.createElement(tag);
        for (const [name, value] of Object.entries(attributes || {})) {
            if (value !== null && value !== undefined) { element.setAttribute(name, value); }
        }
        element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ''));
        return element;
    }

    const count = (value) => Math.round(value).toLocaleString('en');
    const percent = (value) => Number((100 * value).toPrecision(2)) + '%';
    function seconds(value) {
        if (value === null || value === undefined) { return '–'; }
        return value >= 1 ? digits(value) + ' s' : digits(value * 1000) + ' ms';
    }
    const digits = (value) => value >= 100 ? count(value) : Number(value.toPrecision(3)).toString();
    function bytes(value) {
        if (value === null || value === undefined) { return 'unknown'; }
        const power = Math.min(Math.floor(Math.log2(Math.max(value, 1)) / 10), 4);
        return digits(value / 2 ** (10 * power)) + ' ' + ['B', 'KiB', 'MiB', 'GiB', 'TiB'][power];
    }
    function times(ratio) { return (ratio < 10 ? Number(ratio.toPrecision(3)) : count(ratio)) + '×'; }

    /* The state of the page, read from the address. */
    function read(params) {
        const one = (name) => (params[name] || [''])[0] || '';
        const state = { open: one('open') };
        FILTERS.forEach((name) => { state[name] = one(name); });
        return state;
    }
    function write(state) {
        const set = Object.entries(state).filter(([, value]) => value);
        location.hash = '#/tradeoffs' + (set.length ? '?' + new URLSearchParams(set) : '');
    }

    function options(name, choices, chosen) {
        const select = at('filters').elements[name];
        select.replaceChildren(...choices.map(([value, text]) => h('option', { value }, text)));
        select.value = choices.some(([value]) => value === chosen) ? chosen : choices[0][0];
        return select.value;
    }
    function filters(run, state) {
        const unique = (values) => [...new Set(values)];
        const kinds = unique(run.questions.map((one) => one.kind)).filter(Boolean);
        const errors = unique(run.questions.map((one) => one.error)).filter(Boolean).sort((a, b) => a - b);
        const label = (one) => [one.title, count(one.header.rows) + ' rows', one.header.profile, one.name].join(' · ');
        options('machine', unique(runs.map((one) => one.machine)).map((one) => [one, one]), run.machine);
        options('run', runs.filter((one) => one.machine === run.machine).map((one) => [one.name, label(one)]), run.name);
        return {
            kind: options('kind', [['', 'all'], ...kinds.map((one) => [one, one])], state.kind),
            layout: options('layout', [['', 'all'], ...unique(arms(run).map(layout)).map((one) => [one, one])], state.layout),
            error: options('error', [['', 'any'], ['0', 'none: exact answers'],
                ...errors.map((one) => [String(one), 'up to ' + percent(one)])], state.error),
        };
    }

    /* The arms of the run, grouped by engine. */
    function arms(run) {
        const all = [...new Set(run.questions.flatMap((one) => one.cells.map((cell) => cell.arm)))];
        return [...new Set(all.map(engine))].flatMap((name) => all.filter((arm) => engine(arm) === name));
    }
    const engine = (arm) => arm.split('/')[0];
    const layout = (arm) => arm.split('/')[1];
    const id = (question, arm) => question + '~' + arm;

    function scope(run) {
        const machine = run.header.machine, budget = run.header.budget;
        const versions = new Map(Object.entries(run.header.versions).map(([arm, version]) => [engine(arm), version]));
        const rows = [
            ['Machine', `${machine.processor}, ${machine.cores} cores, ${bytes(machine.memory)}, ${machine.kernel}`],
            ['Versions', [...versions].map(([name, version]) => `${name} ${version}`).join(', ')],
            ['Budget', `${budget.cores} cores and ${bytes(budget.memory)} for each engine`],
            ['Noise', run.noise],
            ['Scope', run.header.scope.join('; ')],
            ['Run', `${run.header.started.slice(0, 10)}, profile ${run.header.profile}, seed ${run.header.seed}`],
        ];
        at('scope').replaceChildren(...rows.map(([name, text]) => h('div', {}, h('dt', {}, name), h('dd', {}, text))));
    }

    /* The logarithmic scale that all cells share; `place` converts seconds to percent of the width. */
    function scale(questions) {
        const bounds = questions.flatMap((one) => one.cells.flatMap((cell) => cell.time ? [cell.time.low, cell.time.high] : []));
        const low = Math.log(Math.min(...bounds)), high = Math.log(Math.max(...bounds));
        const place = (value) => 2 + 96 * (Math.log(value) - low) / Math.max(high - low, 1e-9);
        return { place, low: Math.exp(low), high: Math.exp(high), empty: !bounds.length };
    }
    function bar(time, place) {
        const [low, middle, high] = [time.low, time.median, time.high].map(place);
        return h('span', { class: 'bar', 'aria-hidden': 'true' },
            h('i', { style: `left:${low}%;width:${Math.max(high - low, 1)}%` }), h('b', { style: `left:${middle}%` }));
    }

    function compared(cell) {
        if (cell.lowest) { return 'lowest median on its layout'; }
        if (!cell.against) { return ''; }
        return cell.against.outcome === 'slower' ? times(cell.against.ratio) + ' the lowest on its layout' : cell.against.outcome;
    }
    function summary(question, cell, place) {
        const verdict = (GLYPHS[cell.verdict] || '') + ' ';
        if (!cell.time) { return [h('strong', {}, verdict + cell.verdict), h('small', {}, cell.where)]; }
        return [h('strong', { title: cell.verdict }, verdict + seconds(cell.time.median)), bar(cell.time, place),
            compared(cell) ? h('small', {}, compared(cell)) : null, h('small', {}, cell.where),
            cell.changed ? h('small', {}, 'adapter changed since') : null,
            cell.break_even ? h('small', {}, `pays after ${count(Math.ceil(cell.break_even))}`) : null].filter(Boolean);
    }
    function cellOf(question, cell, state, place) {
        const key = id(question.name, cell.arm), open = state.open === key;
        const button = h('button', { type: 'button', id: 'cell-' + key, 'aria-expanded': String(open),
            class: cell.verdict.replace(' ', '-'),
            'aria-label': [question.name, cell.arm, cell.verdict, cell.time ? seconds(cell.time.median) : '',
                compared(cell), cell.where].filter(Boolean).join(', ') }, summary(question, cell, place));
        button.addEventListener('click', () => write({ ...state, open: open ? '' : key }));
        return h('td', { role: 'cell', 'data-arm': cell.arm }, button);
    }

    function aggregated(cell) {
        if (cell.time && !cell.routes) { return cell.where + ' (the default request; this file does not record the routes of the others)'; }
        return cell.where + ((cell.routes || []).length === 1 ? ', from ' + cell.routes[0].tables.join(' and ') : '');
    }
    function between(time) {
        return time.high === null ? 'unknown' : `${seconds(time.low)} to ${seconds(time.high)}`;
    }
    function loads(load) {
        const rates = (load.offered || []).filter((one) => one.response).map((one) => `at ${digits(one.rate)} a second p50 ${seconds(one.response.p50)}, `
            + `p95 ${seconds(one.response.p95)}, p99 ${seconds(one.response.p99)}, ${digits(one.cores)} cores`);
        return [load.highest ? `up to ${digits(load.highest.rate)} a second within the objective` : load.note,
            load.capacity ? `at most ${digits(load.capacity)} right answers a second` : '', ...rates].filter(Boolean).join('; ');
    }
    function facts(cell) {
        const time = cell.time, against = cell.against;
        const rows = [['Verdict', cell.verdict + (cell.reason ? ': ' + cell.reason : '')], ['Aggregated', aggregated(cell)]];
        if (time) {
            rows.push(['Median', `${seconds(time.median)}, 99% interval ${between(time)}, `
                + `${count(time.samples)} samples, longest ${seconds(time.maximum)}`
                + (cell.drifts ? '; the times still changed while they were measured, so they support no claim' : '')]);
            rows.push(['Percentiles', Object.entries(time.percentiles).map(([name, value]) => `${name} ${seconds(value)}`).join(', ')]);
        }
        if (cell.alone) { rows.push(['Alone', `${seconds(cell.alone.median)}, 99% interval ${between(cell.alone)}, while no other arm was asked`]); }
        if (cell.cached) {
            rows.push(['From a cache', `${seconds(cell.cached.median)} when the same request is repeated and the engine may use its result cache`]);
        }
        if (against) {
            const known = against.low === null ? 'unknown' : `${digits(against.low)} to ${digits(against.high)}`;
            rows.push(['Against the lowest on its layout', `${times(against.ratio)} its median, 99% interval ${known}: ${against.outcome}`
                + (against.detectable ? `; the smallest detectable slowdown is ${percent(against.detectable - 1)}` : '')]);
        }
        if (cell.processor) { rows.push(['Processor', seconds(cell.processor) + ' of processor time for one question, client and engine together'
            + (cell.client ? `, of which the client's is ${seconds(cell.client)}` : '')]); }
        if (cell.load) { rows.push(['Under load', loads(cell.load)]); }
        if (cell.break_even) {
            rows.push(['Break-even', `after ${count(Math.ceil(cell.break_even))} such questions, the time saved against raw equals the time of the load`]);
        }
        if (cell.adapter) {
            rows.push(['Adapter', `source ${cell.adapter}, plan ${cell.plan}` + (cell.changed ? '; its source has changed since this run' : '')]);
        }
        if (cell.rows !== null && cell.rows !== undefined) { rows.push(['Answer', count(cell.rows) + ' rows']); }
        return h('dl', {}, rows.filter(([, text]) => text).map(([name, text]) => h('div', {}, h('dt', {}, name), h('dd', {}, text))));
    }
    function detail(question, cell, width) {
        const query = cell.asked ? h('pre', { tabindex: '0', role: 'region', 'aria-label': 'The exact query' }, cell.asked) : null;
        return h('tr', { role: 'row', class: 'detail' }, h('td', { role: 'cell', colspan: width },
            h('h2', {}, `${question.name} on ${cell.arm}`), facts(cell), query));
    }

    function built(load) {
        const one = load.built;
        return one ? `${seconds(one.seconds)}, ${count(one.rows)} rows, ${bytes(one.bytes)}` : '–';
    }
    function costs(run, shown) {
        const loads = new Map(run.loads.map((one) => [one.arm, one]));
        const line = (name, text) => h('tr', { role: 'row' }, h('th', { role: 'rowheader', scope: 'row' }, name),
            shown.map((arm) => h('td', { role: 'cell', 'data-arm': arm }, loads.has(arm) ? text(loads.get(arm)) : '–')));
        return h('tbody', { role: 'rowgroup', class: 'costs' }, line('Load until settled', (one) => seconds(one.seconds)),
            line('On disk', (one) => bytes(one.bytes)), line('Rows stored', (one) => count(one.rows)),
            line('Built in addition to the events', built));
    }
    function table(run, questions, shown, state) {
        const { place, low, high, empty } = scale(questions);
        const groups = [...new Set(shown.map(engine))].map((name) => [name, shown.filter((arm) => engine(arm) === name)]);
        const head = h('thead', { role: 'rowgroup' },
            h('tr', { role: 'row' }, h('th', { role: 'columnheader', scope: 'col', rowspan: 2 }, 'Question'),
                groups.map(([name, of]) => h('th', { role: 'columnheader', scope: 'colgroup', colspan: of.length }, name))),
            h('tr', { role: 'row' }, shown.map((arm) => h('th', { role: 'columnheader', scope: 'col' }, layout(arm)))));
        const body = questions.flatMap((question) => {
            const open = question.cells.find((cell) => state.open === id(question.name, cell.arm));
            const row = h('tr', { role: 'row' },
                h('th', { role: 'rowheader', scope: 'row' }, question.name, h('span', {}, question.story),
                    h('small', {}, [question.kind, question.error ? percent(question.error) + ' tolerated' : ''].filter(Boolean).join(', '))),
                shown.map((arm) => question.cells.find((cell) => cell.arm === arm))
                    .map((cell) => cell ? cellOf(question, cell, state, place) : h('td', { role: 'cell' })));
            return open ? [row, detail(question, open, shown.length + 1)] : [row];
        });
        at('table').replaceChildren(h('table', { role: 'table', style: `--arms:${shown.length}` }, head, costs(run, shown), h('tbody', { role: 'rowgroup' }, body)));
        at('legend').textContent = !questions.length ? 'No question matches these filters.'
            : 'Median, and its 99% interval as a bar' + (empty ? '' : ` on one logarithmic scale from ${seconds(low)} to ${seconds(high)}`)
            + '. ✓ right, ≈ within the tolerated error, ✗ wrong (never timed), – unsupported, ! failed. '
            + 'Click a cell to see its exact query and all its figures.';
    }

    /* Mixes: a table of arms, and the 95th percentile against the rate as one line for each arm. */
    function rateOf(figure, text) {
        if (!figure) { return ['–']; }
        return [text(figure.value), figure.interval ? h('small', {}, figure.interval.map(text).join(' to ')) : null];
    }
    function mixCells(view) {
        const load = view.load || {}, best = load.highest, response = (best && best.response) || {};
        return [
            ['Within the objective', best ? [h('strong', {}, digits(best.rate) + ' a second')] : ['–']],
            ['Percentiles there', [best ? ['p50', 'p95', 'p99'].map((name) => `${name} ${seconds(response[name])}`).join(', ') : '–']],
            ['Cores there', [best ? digits(best.cores) : '–']],
            ['One client alone', rateOf(view.alone, (value) => digits(value) + ' a second')],
            ['Processor a request', rateOf(view.processor, seconds)],
            ['Most', [load.capacity ? digits(load.capacity) + ' a second' : '–']],
        ];
    }
    function mixRow(view) {
        const note = view.refused ? 'not asked: ' + view.refused : (view.load || {}).note || '';
        return h('tr', {}, h('th', { scope: 'row' }, view.arm, note ? h('small', {}, note) : null),
            mixCells(view).map(([label, content]) => h('td', { 'data-label': label }, content.filter(Boolean))));
    }
    function svg(tag, attributes, ...children) {
        const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
        Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
        element.append(...children);
        return element;
    }
    function chart(views) {
        const lines = views.map((view) => ({ arm: view.arm,
            points: ((view.load || {}).offered || []).filter((one) => one.response && one.response.p95)
                .map((one) => [Math.log(one.rate), Math.log(one.response.p95)]) })).filter((line) => line.points.length);
        if (!lines.length) { return null; }
        const all = lines.flatMap((line) => line.points), width = 640, height = 240;
        const [left, right, bottom, top] = [0, 1].flatMap((axis) => {
            const values = all.map((point) => point[axis]);
            return [Math.min(...values) - 0.1, Math.max(...values) + 0.1];
        });
        const x = (value) => 60 + (width - 200) * (value - left) / (right - left);
        const y = (value) => height - 30 - (height - 45) * (value - bottom) / (top - bottom);
        const text = (at, up, words, anchor) => svg('text', { x: at, y: up, 'text-anchor': anchor }, words);
        const drawn = lines.flatMap((line, place) => {
            const points = line.points.map((point) => [x(point[0]), y(point[1])]), last = points[points.length - 1];
            return [svg('polyline', { points: points.map((one) => one.join(',')).join(' '), class: 'line-' + place % 6 }),
                ...points.map(([cx, cy]) => svg('circle', { cx, cy, r: 3, class: 'line-' + place % 6 })),
                text(last[0] + 8, last[1] + 4, line.arm, 'start')];
        });
        return h('figure', {}, svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img',
            'aria-label': '95th percentile of the response times against requests a second' },
        svg('path', { d: `M60,15 V${height - 30} H${width - 140}`, class: 'axis' }),
        text(54, 20, seconds(Math.exp(top - 0.1)), 'end'), text(54, height - 30, seconds(Math.exp(bottom + 0.1)), 'end'),
        text(60, height - 14, digits(Math.exp(left + 0.1)), 'start'), text(width - 140, height - 14, digits(Math.exp(right - 0.1)), 'end'),
        ...drawn), h('figcaption', {}, '95th percentile of the response times against requests a second; both scales are logarithmic, and rates that were not sustained are left out.'));
    }
    function mixes(run, shown) {
        at('mixes').replaceChildren(...run.mixes.map((mix) => {
            const views = mix.arms.filter((view) => shown.includes(view.arm));
            const total = Object.values(mix.counts).reduce((sum, one) => sum + one, 0);
            const parts = Object.entries(mix.counts).map(([name, one]) => `${one} ${name}`).join(', ');
            return h('article', {}, h('h2', {}, 'Mix ' + mix.name), h('p', {}, mix.story, h('small', {}, `Of ${total} requests: ${parts}.`)),
                h('table', {}, h('thead', {}, h('tr', {}, ['Engine and layout', ...mixCells({ arm: '' }).map(([label]) => label)].map((label) => h('th', { scope: 'col' }, label)))), h('tbody', {}, views.map(mixRow))),
                chart(views));
        }));
    }

    function engines(run, questions, shown) {
        const cards = [...new Set(shown.map(engine))].map((name) => {
            const cells = questions.flatMap((one) => one.cells).filter((cell) => engine(cell.arm) === name);
            const asked = questions.filter((one) => one.cells.some((cell) => engine(cell.arm) === name && cell.time)).length;
            const without = cells.filter((cell) => cell.verdict === 'unsupported').length;
            const words = run.engines[name] || { good: [], bad: [] };
            const code = (text) => text.split('`').map((part, place) => place % 2 ? h('code', {}, part) : part);
            const list = (title, items) => items.length ? [h('h3', {}, title), h('ul', {}, items.map((item) => h('li', {}, ...code(item))))] : [];
            return h('article', {}, h('h2', {}, name),
                h('p', {}, `In this run: ${asked} of ${questions.length} questions timed, ${without} of ${cells.length} cells unsupported.`),
                list('Good at', words.good), list('Bad at', words.bad));
        });
        at('engines').replaceChildren(...cards);
    }

    function render(state) {
        if (!runs.length) { at('legend').textContent = 'No run is recorded under results yet.'; return; }
        const run = runs.find((one) => one.machine === state.machine && one.name === state.run)
            || runs.find((one) => one.machine === state.machine) || runs.find((one) => one.name === state.run) || runs[0];
        const chosen = { ...state, ...filters(run, state) };
        const shown = arms(run).filter((arm) => !chosen.layout || layout(arm) === chosen.layout);
        const questions = run.questions
            .filter((one) => (!chosen.kind || one.kind === chosen.kind) && (!chosen.error || one.error <= Number(chosen.error)))
            .map((one) => ({ ...one, cells: one.cells.filter((cell) => shown.includes(cell.arm)) }));
        const focused = document.activeElement && document.activeElement.id;
        scope(run);
        mixes(run, shown);
        table(run, questions, shown, chosen);
        engines(run, questions, shown);
        const again = focused && document.getElementById(focused);
        if (again) { again.focus({ preventScroll: true }); }
    }

    async function show(params) {
        at('display').hidden = false;
        document.title = 'Trade-offs · rollup-bench';
        $('#title').text('');
        if (runs === null) { runs = await (await fetch('tradeoffs.json')).json(); }
        const state = read(params);
        render(state);
        const open = state.open && document.getElementById('cell-' + state.open);
        if (open && !document.activeElement.closest('main')) { open.scrollIntoView({ block: 'center' }); }
    }

    function leave() {
        const here = /^#\/?tradeoffs(\?|$)/.test(location.hash);
        document.body.classList.toggle('tradeoffs', here);
        at('display').hidden = !here;
    }

    at('filters').addEventListener('change', (event) => {
        const state = read($.asv.parse_hash_string(location.hash).params);
        state[event.target.name] = event.target.value;
        const other = { machine: { machine: state.machine }, run: { machine: state.machine, run: state.run } };
        write(other[event.target.name] || { ...state, open: '' });
    });
    at('filters').addEventListener('submit', (event) => event.preventDefault());
    window.addEventListener('hashchange', leave);
    leave();
    $.asv.register_page('tradeoffs', show);
});
