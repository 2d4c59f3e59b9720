// Uploads: several files, chosen or dropped, go one by one, so that none is kept out by another's fault or size.
import { takeDropped } from './drop.js';
import { gettext, ngettext } from './messages.js';

const form = document.getElementById('upload');
const chosen = form.elements.picture;
const way = document.getElementById('way');
const told = document.getElementById('told');
const parse = (text) => new DOMParser().parseFromString(text, 'text/html');

// What is wrong with a file, as items of a list; none where it is stored.
async function send(file) {
  const body = new FormData();
  body.append('csrf_token', form.elements.csrf_token.value);
  body.append('picture', file, file.name);
  let response;
  try {
    response = await fetch(form.getAttribute('action'), { method: 'POST', body, redirect: 'manual', headers: { Accept: 'text/html' } });
  } catch {
    return [fault(file, gettext('The farm does not answer.'))];
  }
  if (response.type === 'opaqueredirect') return [];  // stored
  const page = parse(await response.text());
  const faults = [...page.querySelectorAll('#told .faults > li')].map((item) => document.importNode(item, true));
  return faults.length ? faults : [fault(file, page.querySelector('h1 + p')?.textContent ?? gettext('The farm does not answer.'))];
}

function fault(file, words) {
  const item = document.createElement('li');
  const name = document.createElement('b');
  name.textContent = file.name;
  item.append(name, `: ${words}`);
  return item;
}

async function sendAll(files) {
  const button = form.querySelector('button');
  if (!files.length || button.disabled) return;
  button.disabled = true;
  const faults = [];
  for (const [index, file] of files.entries()) {
    way.textContent = gettext('%(number)s of %(total)s: %(name)s', { number: index + 1, total: files.length, name: file.name });
    faults.push(...await send(file));
  }
  if (!faults.length) { location.assign(form.getAttribute('action')); return; }
  await show(faults, files.length - faults.length);
  form.reset();
  button.disabled = false;
}

// The faults by their files, and the list as it is now.
async function show(faults, stored) {
  const list = document.createElement('ul');
  list.className = 'faults';
  list.append(...faults);
  told.replaceChildren(list);
  way.textContent = ngettext('%(num)s file is stored.', '%(num)s files are stored.', stored);
  try {
    const page = parse(await (await fetch(form.getAttribute('action'), { headers: { Accept: 'text/html' } })).text());
    document.getElementById('pictures').replaceWith(document.importNode(page.getElementById('pictures'), true));
    if (document.querySelector('#pictures > li')) document.querySelector('.empty')?.remove();
  } catch { /* the next visit shows them */ }
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  sendAll([...chosen.files]);
});
takeDropped(form, sendAll);
