'use strict';

/* The needs of the reader: as parameters of the address, as options of the command, and as the fields of a form. */
{
    const { NEEDS, Rule, changed, evidenceOf, shell } = choosing;
    const ABOVE = { above: true }, WHOLE = { whole: true }, WEIGHT = numberFrom(0), MOST = 20;
    const FIELDS = [
        ['rate', 'Questions a second', numberFrom(0, ABOVE)], ['unforeseen', 'Unforeseen questions, share', numberFrom(0, { most: 1 })],
        ['p95-ms', 'p95 within, ms', numberFrom(0, ABOVE)], ['error', 'Tolerated error, share', numberFrom(0)],
        ['events-a-day', 'New events a day', numberFrom(0)], ['events-a-second', 'New events in the busiest second', numberFrom(0)],
        ['fresh-seconds', 'In answers within, seconds', numberFrom(0, ABOVE)], ['years', 'Years kept', numberFrom(0, ABOVE)],
        ['disk-gb', 'On disk at most, GB', numberFrom(0, ABOVE)], ['load-seconds', 'Load within, seconds', numberFrom(0, ABOVE)],
        ['replicas', 'Copies of the events', numberFrom(1, WHOLE)], ['nodes', 'Machines of a store', numberFrom(1, WHOLE)],
    ];
    const PRICES = [
        ['cpu-hour', 'A core for an hour', numberFrom(0)], ['memory-gb-month', 'A GB of memory for a month', numberFrom(0)],
        ['disk-gb-month', 'A GB on disk for a month', numberFrom(0)], ['system-month', 'Running a system for a month', numberFrom(0)],
        ['cluster-hour', 'A machine for an hour, in place of cores and memory', numberFrom(0, ABOVE)],
    ];
    const brokers = () => Object.keys(site.brokers);
    const ALL = [...FIELDS, ...PRICES];
    const keyOf = (name) => name.replace(/-/g, '_');
    const usualOf = (name) => ({ ...NEEDS, ...NEEDS.prices })[keyOf(name)];

    const read = new WeakMap();
    /* The evidence of a run, and how often it asks each question if the reader does not say it: { evidence, usual }. */
    function evidenceIn(run) {
        if (!read.has(run)) {
            const evidence = evidenceOf(run.evidence);
            read.set(run, { evidence, usual: new Rule(evidence, NEEDS).ask });
        }
        return read.get(run);
    }

    const parameters = (run) => ({
        ask: numbersOf(run.evidence ? run.evidence.questions : [], WEIGHT), ...Object.fromEntries(ALL.map(([name, , number]) => [name, number])),
        broker: oneOf(brokers()), engines: someOf(enginesOf(run)),
    });

    /* The weight of each question: those of the default mix first, in its order. */
    function weightsOf(run, state) {
        const { evidence, usual } = evidenceIn(run), given = new Map(state.ask.map((one) => one.split('~')));
        const names = unique([...Object.keys(usual), ...evidence.questions]);
        return new Map(names.map((name) => [name, Number(given.has(name) ? given.get(name) : usual[name] || 0)]));
    }
    function needsOf(run, state) {
        const given = ALL.filter(([name]) => state[name]).map(([name]) => [keyOf(name), Number(state[name])]);
        const ask = Object.fromEntries([...weightsOf(run, state)].filter(([, weight]) => weight > 0));
        return changed(NEEDS, { ...Object.fromEntries(given), broker: state.broker || null, engines: state.engines, ask });
    }

    /* The command that decides the same in a terminal. */
    function commandOf(run, state) {
        const weights = state.ask.length ? Object.entries(needsOf(run, state).ask).flatMap(([name, weight]) => ['--ask', `${name}=${weight}`]) : [];
        const given = [...ALL.map(([name]) => name), 'broker'].filter((name) => state[name]).flatMap((name) => ['--' + name, state[name]]);
        return shell(['rollup-bench', 'choose', run.evidence.name, ...weights, ...given, ...(state.engines.length ? ['--engines', state.engines.join(',')] : [])]);
    }

    /* What differs from the defaults, in words. */
    const differences = (state) => [
        ...ALL.filter(([name]) => state[name]).map(([name, label]) => `${label}: ${state[name]}`),
        ...(state.broker ? [`Broker: ${state.broker}`] : []),
        ...(state.engines.length ? [`Engines: ${state.engines.join(', ')}`] : []), ...state.ask.map((one) => `Weight of ${one.replace('~', ': ')}`),
    ];

    /* A field for a number. `accept` is called with a text that fits; all other texts are answered in words. */
    function numberField(attributes, number, accept) {
        const wrong = h('small', { id: attributes.id + '-wrong', class: 'wrong', role: 'alert' });
        const input = h('input', { type: 'text', inputmode: 'decimal', autocomplete: 'off', 'aria-describedby': wrong.id, ...attributes });
        const judge = (isFitting) => {
            input.setAttribute('aria-invalid', String(!isFitting));
            wrong.textContent = isFitting ? '' : `Give ${number.expects}; the choice is still that for the number before.`;
        };
        input.addEventListener('change', () => {
            const text = input.value.trim(), isFitting = text === '' || number.fits(text);
            judge(isFitting);
            if (isFitting) { accept(text); }
        });
        const show = (value) => {
            input.value = value;
            judge(true);
        };
        return { input, wrong, show };
    }

    function field([name, label, number], change) {
        const usual = usualOf(name), id = 'need-' + name;
        const { input, wrong, show } = numberField({ id, placeholder: usual === null ? 'any' : usual }, number,
            (text) => change({ [name]: text && Number(text) !== usual ? text : '' }));
        return { element: h('div', { class: 'field' }, h('label', { for: id }, label), input, wrong), show: (state) => show(state[name]) };
    }

    function brokerField(change) {
        const id = 'need-broker', select = h('select', { id }, ['', ...brokers()].map((name) => h('option', { value: name }, name || 'any')));
        select.addEventListener('change', () => change({ broker: select.value }));
        const show = (state) => { select.value = state.broker; };
        return { element: h('div', { class: 'field' }, h('label', { for: id }, 'Broker of new events'), select), show };
    }

    /* A slider and a number for the weight of a question. `preview` shows what a weight would change while it is drawn. */
    function weightField(run, name, current, change, preview) {
        const id = 'ask-' + name, usual = evidenceIn(run).usual[name] || 0, slider = h('input', { id, type: 'range', min: 0, max: MOST, step: 1 });
        const asked = (text) => [...current().ask.filter((one) => one.split('~')[0] !== name), ...(Number(text || usual) === usual ? [] : [`${name}~${text}`])];
        const number = numberField({ id: id + '-number', 'aria-label': `How often ${name} is asked` }, WEIGHT, (text) => change({ ask: asked(text) }));
        slider.addEventListener('input', () => {
            number.show(slider.value);
            preview({ ask: asked(slider.value) });
        });
        slider.addEventListener('change', () => change({ ask: asked(slider.value) }));
        const show = (state) => {
            const value = weightsOf(run, state).get(name);
            slider.value = value;
            number.show(value);
        };
        return { element: h('div', { class: 'weight' }, h('label', { for: id }, name), slider, number.input, number.wrong), show };
    }

    function engineBoxes(run, change) {
        const boxes = new Map(enginesOf(run).map((engine) => [engine, h('input', { type: 'checkbox', id: 'engines-' + engine })]));
        for (const box of boxes.values()) {
            box.addEventListener('change', () => {
                const chosen = [...boxes.keys()].filter((engine) => boxes.get(engine).checked);
                if (chosen.length) { change({ engines: chosen.length === boxes.size ? [] : chosen }); } else { box.checked = true; }
            });
        }
        const show = (state) => boxes.forEach((box, engine) => { box.checked = !state.engines.length || state.engines.includes(engine); });
        return { element: h('fieldset', {}, h('legend', {}, 'Engines that may be run'), [...boxes].map(([engine, box]) => h('label', { class: 'box' }, box, ' ' + engine))), show };
    }

    /* The form of all needs: { element, show(state) }. `current` returns the state, and `change` and `preview` take a part of it. */
    function form(run, current, change, preview) {
        const { usual } = evidenceIn(run), state = current(), names = [...weightsOf(run, state).keys()];
        const all = new Map(names.map((name) => [name, weightField(run, name, current, change, preview)]));
        const elements = (isShown) => names.filter(isShown).map((name) => all.get(name).element);
        const others = names.filter((name) => !usual[name]), needs = [...FIELDS.map((one) => field(one, change)), brokerField(change)], prices = PRICES.map((one) => field(one, change));
        const engines = engineBoxes(run, change), group = (title, content) => h('fieldset', {}, h('legend', {}, title), content);
        const part = (title, open, content) => h('details', { open }, h('summary', {}, title), h('div', {}, content));
        const isGiven = (fields) => fields.some(([name]) => state[name]);
        const element = h('details', { class: 'needs', open: window.matchMedia('(min-width: 768px)').matches }, h('summary', {}, 'Your needs'), h('div', {},
            engines.element, group('How often each question is asked, relative to the others', elements((name) => usual[name])),
            others.length ? part(`${plural(others.length, 'other question')}, not asked by default`, others.some((name) => weightsOf(run, state).get(name)), elements((name) => !usual[name])) : null,
            group('Needs', needs.map((one) => one.element)), part('Prices, in any currency', isGiven(PRICES), prices.map((one) => one.element))));
        return { element, show: (values) => [...all.values(), ...needs, ...prices, engines].forEach((one) => one.show(values)) };
    }

    Object.assign(choosing, { evidenceIn, parameters, needsOf, commandOf, differences, form });
}
