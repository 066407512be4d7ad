'use strict';

/* Questions: who asks each question, what exactly it asks, and the query that each engine gets. */
{
    const parameters = (run) => ({ question: oneOf(questionsOf(run)) });
    const tolerance = (question) => question.error ? `up to ${percent(question.error)}` : question.kind ? 'none' : '';
    const written = (value) => typeof value === 'string' ? value : JSON.stringify(value);

    function table(run) {
        return dataTable('All questions', run.questions, [
            ['Question', (question) => link(pageAddress('questions', run.summary.name, { question: question.name }), question.name)],
            ['Story', (question) => question.story || DASH],
            ['Kind of question', (question) => question.kind || DASH],
            ['Tolerated error', (question) => tolerance(question) || DASH],
            ['Answered', (question) => `${question.cells.filter(isAnswered).length} of ${question.cells.length}`],
        ]);
    }

    function queryOf(run, cell) {
        const text = cell.asked ? query(cell.asked, `The query of ${cell.arm}`) : h('p', {}, `${SIGNS[cell.verdict]} ${cell.verdict}: ${cell.reason || 'no query'}`);
        return h('article', {}, h('h3', {}, armName(cell.arm), ' ', small([cell.where, cell.time ? withInterval(cell.time) : ''].filter(Boolean).join('; '))), text);
    }

    function detail(run, question) {
        const given = facts([
            ['Story', question.story], ['Kind of question', question.kind], ['Tolerated error', tolerance(question)],
            ['Parameters', Object.entries(question.parameters).map(([name, value]) => `${name} = ${written(value)}`).join(', ')],
            ['Definition', Object.entries(question.definition).filter(([name]) => name !== 'kind').map(([name, value]) => `${name} = ${written(value)}`).join('; ')],
        ]);
        const unknown = question.kind ? null : h('p', {}, `The dataset ${run.header.dataset} is not built in, so its file has the story and the definition.`);
        return [h('p', {}, link(pageAddress('questions', run.summary.name), 'All questions'), ' · ', link(pageAddress('compare', run.summary.name,
            { open: question.cells.map((cell) => `${question.name}~${cell.arm}`) }), 'All figures of this question, side by side')), given, unknown, h('p', { class: 'note' }, 'The queries are those of the default parameters; requests with other parameters may read other tables.'),
            h('div', { class: 'panels' }, question.cells.map((cell) => queryOf(run, cell)))];
    }

    function draw(run, state) {
        const chosen = run.questions.find((question) => question.name === state.question);
        if (chosen) { return [section(chosen.name, detail(run, chosen))]; }
        return [h('p', { class: 'lead' }, 'Each question is one that somebody asks. Its page has its parameters and the exact query of each engine.'), table(run)];
    }

    addPage({ name: 'questions', title: 'Questions', heading: 'What is asked', parameters, draw });
}
