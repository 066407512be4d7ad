'use strict';

/* What the pages compute from a run. An arm is `engine/layout`. */

const SIGNS = { right: '✓', 'within bound': '≈', wrong: '✗', failed: '!', unsupported: '–' };
const engineOf = (arm) => arm.split('/')[0];
const layoutOf = (arm) => arm.split('/')[1];

/* All arms of a run, those of an engine side by side. */
function armsOf(run) {
    const all = unique(run.questions.flatMap((question) => question.cells.map((cell) => cell.arm)));
    return unique(all.map(engineOf)).flatMap((engine) => all.filter((arm) => engineOf(arm) === engine));
}
const enginesOf = (run) => unique(armsOf(run).map(engineOf));
const layoutsOf = (run) => unique(armsOf(run).map(layoutOf));
const questionsOf = (run) => run.questions.map((question) => question.name);
const isAnswered = (cell) => ['right', 'within bound'].includes(cell.verdict);
const cellOf = (question, arm) => question.cells.find((cell) => cell.arm === arm);
const loadOf = (run, arm) => run.loads.find((load) => load.cost.arm === arm);
const noOperations = () => h('p', {}, 'Not measured in this run. A run of the profile standard or full measures it at its end.');

/* The colour of an engine, which is the same on all pages: grey if the engine is not one of this project. */
const toneOf = (engine) => `tone-${site.engines.includes(engine) ? site.engines.indexOf(engine) % 8 : 'none'}`;

/* The look of an arm in charts: the colour of its engine, and a dash and a mark for its layout. */
const lookOf = (run, arm) => `${toneOf(engineOf(arm))} style-${layoutsOf(run).indexOf(layoutOf(arm)) % 5}`;
const armName = (arm) => h('span', { class: 'arm' }, h('i', { class: 'swatch ' + toneOf(engineOf(arm)) }), arm);

/* Says how a cell compares with the lowest median on its layout. */
function compared(cell) {
    if (cell.drifts) { return 'times still changed'; }
    if (cell.lowest) { return 'lowest median on its layout'; }
    if (!cell.against) { return ''; }
    return cell.against.outcome === 'slower' ? times(cell.against.ratio) + ' the lowest on its layout' : cell.against.outcome;
}

/* At how many questions an engine has the lowest median on a layout, and at how many every other engine is claimed slower. */
function lowestMedians(run, engine, layout) {
    const rivals = run.questions.map((question) => question.cells.filter((cell) => layoutOf(cell.arm) === layout && cell.time))
        .filter((cells) => cells.some((cell) => cell.lowest));
    const won = rivals.filter((cells) => cells.some((cell) => cell.lowest && engineOf(cell.arm) === engine));
    const claimed = won.filter((cells) => cells.every((cell) => cell.lowest || (cell.against && cell.against.outcome === 'slower')));
    return { of: rivals.length, lowest: won.length, claimed: claimed.length };
}

/* The processor seconds of a request of a mix on an arm, by question; null if one of the questions was not measured. */
function processorByQuestion(run, mix, arm) {
    const total = Object.values(mix.counts).reduce((sum, one) => sum + one, 0);
    const parts = Object.entries(mix.counts).map(([name, number]) => {
        const question = run.questions.find((one) => one.name === name), cell = question && cellOf(question, arm);
        return { name, seconds: cell && isKnown(cell.processor) ? cell.processor * number / total : null };
    });
    return parts.every((part) => part.seconds !== null) ? parts : null;
}

/* Groups unsupported, wrong and failed cells of an engine by layout and reason: [{ layout, verdict, reason, questions }]. */
function refusals(run, engine) {
    const found = new Map();
    for (const question of run.questions) {
        for (const cell of question.cells.filter((one) => engineOf(one.arm) === engine && !isAnswered(one))) {
            const key = [layoutOf(cell.arm), cell.verdict, cell.reason].join('\n');
            const one = found.get(key) || { layout: layoutOf(cell.arm), verdict: cell.verdict, reason: cell.reason, questions: [] };
            one.questions.push(question.name);
            found.set(key, one);
        }
    }
    return [...found.values()];
}

/* What went wrong in a run, in sentences. */
function troubles(run) {
    const faults = run.faults.map((fault) => `${fault.arm} dropped out while ${fault.doing}`
        + (isKnown(fault.launch) ? ` for launch ${fault.launch + 1}` : '') + `: ${fault.reason}`);
    const cut = run.summary.complete ? [] : ['This run is not complete: it was interrupted, still runs, or lost an arm. '
        + 'Figures of single launches have no interval.'];
    const wrong = ['wrong', 'failed'].map((verdict) => [verdict, run.questions.flatMap((question) => question.cells).filter((cell) => cell.verdict === verdict)])
        .filter(([, cells]) => cells.length).map(([verdict, cells]) => `${SIGNS[verdict]} ${verdict}: ` + cells.map((cell) => `${cell.question} on ${cell.arm}`).join(', '));
    return [...cut, ...(run.busy ? [run.busy + '.'] : []), ...faults, ...wrong];
}
