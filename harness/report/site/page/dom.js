'use strict';

/* Elements of the pages. */

function filled(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
        if (value !== null && value !== undefined && value !== false) { element.setAttribute(name, value === true ? '' : value); }
    }
    element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== ''));
    return element;
}

/* Makes an element of HTML or SVG. Attributes and children that are null are left out; children may be texts or lists. */
const h = (tag, attributes, ...children) => filled(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => filled(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);

const link = (address, ...content) => h('a', { href: address }, content);
const small = (...content) => h('small', {}, content);
const section = (title, ...content) => h('section', {}, title ? h('h2', {}, title) : null, content);
const folded = (title, ...content) => h('details', {}, h('summary', {}, title), h('div', {}, content));
const list = (items) => h('ul', {}, items.map((item) => h('li', {}, item)));
const code = (text) => text.split('`').map((part, place) => place % 2 ? h('code', {}, part) : part);
const query = (text, label) => h('pre', { tabindex: '0', role: 'region', 'aria-label': label }, text);

/* A list of labelled facts, given as [label, content]; facts without content are left out. */
function facts(rows) {
    return h('dl', { class: 'facts' }, rows.filter(([, content]) => content && content.length !== 0)
        .map(([label, content]) => h('div', {}, h('dt', {}, label), h('dd', {}, content))));
}

/* A table with a row for each item; `columns` are [label, (item) => content], and the first one heads the row. Columns
   without any content are left out. The roles keep it a table for screen readers where a narrow screen shows blocks. */
function dataTable(label, items, columns, style = 'data') {
    const [[first, heading], ...rest] = columns;
    const others = rest.filter(([, content]) => items.some((item) => content(item) !== DASH));
    const head = h('tr', { role: 'row' }, [first, ...others.map(([title]) => title)]
        .map((title) => h('th', { role: 'columnheader', scope: 'col' }, title)));
    const body = items.map((item) => h('tr', { role: 'row' }, h('th', { role: 'rowheader', scope: 'row' }, heading(item)),
        others.map(([title, content]) => {
            const shown = content(item);
            return h('td', { role: 'cell', 'data-label': title, class: shown === DASH ? 'none' : null }, shown);
        })));
    return h('div', { class: 'scrolled', tabindex: '0', role: 'region', 'aria-label': label },
        h('table', { role: 'table', class: style, 'aria-label': label },
            h('thead', { role: 'rowgroup' }, head), h('tbody', { role: 'rowgroup' }, body)));
}

/* A labelled select; `choices` are [value, text], or [value, text, group]. `changed` is called with the chosen value. */
function select(label, name, choices, chosen, changed) {
    const options = (group) => choices.filter((one) => one[2] === group).map(([value, text]) => h('option', { value }, text));
    const groups = unique(choices.map((one) => one[2])).map((group) => group ? h('optgroup', { label: group }, options(group)) : options(group));
    const element = h('select', { id: 'choose-' + name, name }, groups);
    element.value = chosen;
    element.addEventListener('change', () => changed(element.value));
    return h('label', {}, h('span', {}, label), element);
}

/* A group of checkboxes: none is chosen if all are shown. `changed` is called with the list of the chosen values. */
function checkboxes(label, name, values, chosen, changed) {
    const box = (value) => {
        const input = h('input', { type: 'checkbox', id: `choose-${name}-${value}`, checked: chosen.includes(value) });
        input.addEventListener('change', () => changed(values.filter((one) => one === value ? input.checked : chosen.includes(one))));
        return h('label', { class: 'box' }, input, ' ' + value);
    };
    return h('fieldset', {}, h('legend', {}, label), values.map(box));
}
