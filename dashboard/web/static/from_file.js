// A picture or clip that is chosen, or dropped anywhere on the form, fills it in with what it was made with.
import { takeDropped } from './drop.js';

const form = document.getElementById('from-file');
const chosen = form.elements.made;

form.querySelector('button').hidden = true;
chosen.addEventListener('change', () => { if (chosen.files.length) form.requestSubmit(); });
takeDropped(form, ([file]) => {
  const one = new DataTransfer();
  one.items.add(file);
  chosen.files = one.files;
  form.requestSubmit();
});
