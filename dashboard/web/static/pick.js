// Choose two to four renders of a page, and look at them together.
import { gettext, ngettext } from './messages.js';

const form = document.getElementById('compare');
const [FEWEST, MOST] = [2, 4];

function count() {
  const boxes = [...document.querySelectorAll('input[form="compare"]')];
  const chosen = boxes.filter((box) => box.checked).length;
  for (const box of boxes) box.disabled = !box.checked && chosen >= MOST;
  form.hidden = chosen === 0;
  form.querySelector('button').disabled = chosen < FEWEST;
  form.querySelector('output').textContent = chosen < FEWEST ? gettext('Choose one more') : ngettext('%(num)s chosen', '%(num)s chosen', chosen);
}

document.addEventListener('change', (event) => { if (event.target.matches('input[form="compare"]')) count(); });
form.querySelector('[type="reset"]').addEventListener('click', () => setTimeout(count));
addEventListener('pageshow', count);
count();
