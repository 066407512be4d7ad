'use strict';

/* The site: shows the page, and the run, that the address names. A page is added by a script that calls `addPage`. */

const site = { pages: [], runs: [], comparisons: [], brokers: {}, streams: [], delays: [], frontier: [], single: false, loaded: new Map(), places: new Map(), shown: '', run: '', keys: () => {} };

/* Adds a page: { name, title, parameters: (run) => ({ name: oneOf(...) }), draw: (run, state, change) => elements }.
   `change` shows the page with other values of parameters: change({ kind: 'cohort' }). A page with keys of its own also
   has keys: (event, state, change). A page with update: (run, state, change) draws other values of parameters itself. */
function addPage(page) { site.pages.push(page); }
function setRuns(known) { Object.assign(site, known); }  // `single`: the pages are one file, without the files of the runs
function addRun(run) { site.loaded.set(run.summary.name, run); }

/* Returns the address of a page about a run; the default run, the first one, is not named. */
function pageAddress(page, run, state = {}) {
    return addressOf(page, { run: run && run !== site.runs[0].name ? run : '', ...state });
}

/* Returns the address of a file of a run: its data for these pages, `js`, or all that was measured, `jsonl`. */
const fileOf = (name, kind) => `runs/${name.split('/').map(encodeURIComponent).join('/')}.${kind}`;

/* Calls `then` with a run, after its script is loaded. */
function withRun(name, then) {
    if (site.loaded.has(name)) { then(site.loaded.get(name)); return; }
    const script = h('script', { src: fileOf(name, 'js') });
    script.addEventListener('load', () => then(site.loaded.get(name)));
    script.addEventListener('error', () => showProblem(`The file runs/${name}.js is missing from this site; make the site again.`));
    document.head.append(script);
}

function showProblem(words) {
    const home = site.pages[0];
    frame('', '');
    document.title = 'Not found · rollup-bench';
    document.getElementById('main').replaceChildren(h('h1', {}, 'This address shows nothing'), h('p', { role: 'alert' }, words),
        h('p', {}, link(`#/${home.name}`, `Go to ${home.title}`)));
    Object.assign(site, { shown: '', keys: () => {} });
}

/* Shows the links to the pages and the choice of a run. */
function frame(current, run) {
    document.getElementById('pages').replaceChildren(...site.pages.map((page) =>
        h('a', { href: site.places.get(`${page.name} ${run}`) || pageAddress(page.name, run), 'aria-current': page.name === current ? 'page' : null }, page.title)));
    const [folder, file] = [(one) => one.name.slice(0, one.name.lastIndexOf('/')), (one) => one.name.slice(one.name.lastIndexOf('/') + 1)];
    const machineOf = (one) => [folder(one), one.processor, plural(one.cores, 'core')].filter(Boolean).join(' · ');
    const label = (one) => [file(one), day(one.started), one.profile, one.complete ? '' : 'not complete', one.title, plural(one.rows, 'row')];
    const choices = site.runs.map((one) => [one.name, label(one).filter(Boolean).join(' · '), machineOf(one)]);
    document.getElementById('runs').replaceChildren(...(run && choices.length > 1
        ? [select('Run', 'run', choices, run, (name) => { location.hash = pageAddress(current, name); })] : []));
}

function draw(page, run, state) {
    const change = (other) => { location.hash = pageAddress(page.name, run.summary.name, { ...state, ...other }); };
    const keys = (event) => page.keys && page.keys(event, state, change);
    site.places.set(`${page.name} ${run.summary.name}`, location.hash);  // the menu of other pages leads back to it
    if (page.update && site.shown === page.name && site.run === run.summary.name) {
        Object.assign(site, { keys });
        page.update(run, state, change);
        return;
    }
    const focused = document.activeElement && document.activeElement.id, moved = site.shown && site.shown !== page.name;
    frame(page.name, run.summary.name);
    document.title = `${page.title} · rollup-bench`;
    const trouble = troubles(run), main = document.getElementById('main');
    main.replaceChildren(h('h1', { tabindex: '-1' }, page.heading || page.title),
        trouble.length ? h('div', { class: 'trouble', role: 'note' }, list(trouble)) : '', ...[page.draw(run, state, change)].flat(2).filter(Boolean));
    const again = focused && document.getElementById(focused);
    if (moved) { window.scrollTo(0, 0); main.querySelector('h1').focus({ preventScroll: true }); }
    else if (again) { again.focus({ preventScroll: true }); }
    Object.assign(site, { shown: page.name, run: run.summary.name, keys });
}

/* Shows what the address names, or says in words why it names nothing. */
function show() {
    const address = parseAddress(location.hash);
    if (address.problem) { return showProblem(address.problem); }
    const page = address.page ? site.pages.find((one) => one.name === address.page) : site.pages[0];
    if (!page) { return showProblem(`There is no page “${address.page}”; there are ${site.pages.map((one) => one.name).join(', ')}.`); }
    if (!site.runs.length) { return showProblem('No run is stored yet: `rollup-bench run --profile standard --out results/MACHINE/NAME.jsonl` stores one.'); }
    const names = site.runs.map((one) => one.name);
    const chosen = readState(address.given.filter(([name]) => name === 'run'), { run: oneOf(names) });
    if (chosen.problem) { return showProblem(chosen.problem); }
    const hash = location.hash;
    return withRun(chosen.state.run || names[0], (run) => {
        if (location.hash !== hash) { return; }  // another address was chosen while the run was loaded
        const read = readState(address.given.filter(([name]) => name !== 'run'), page.parameters(run));
        if (read.problem) { showProblem(read.problem); } else { draw(page, run, read.state); }
    });
}

window.addEventListener('hashchange', show);
window.addEventListener('keydown', (event) => site.keys(event));
window.addEventListener('DOMContentLoaded', () => {
    document.getElementById('skip').addEventListener('click', (event) => {
        event.preventDefault();
        document.querySelector('main h1').focus();
    });
    show();
});

/* Folded parts are printed open. */
window.addEventListener('beforeprint', () => document.querySelectorAll('details:not([open])').forEach((one) => {
    one.open = true;
    one.dataset.folded = '';
}));
window.addEventListener('afterprint', () => document.querySelectorAll('details[data-folded]').forEach((one) => {
    one.open = false;
    delete one.dataset.folded;
}));
