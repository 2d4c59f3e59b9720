// A picture or clip that is chosen, or dropped anywhere on the form, fills it in with what it was made with.
const form = document.getElementById('from-file');
const chosen = form.elements.made;

form.querySelector('button').hidden = true;
chosen.addEventListener('change', () => { if (chosen.files.length) form.requestSubmit(); });
for (const name of ['dragenter', 'dragover']) {
  document.addEventListener(name, (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    form.classList.add('dropping');
  });
}
document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) form.classList.remove('dropping'); });
document.addEventListener('drop', (event) => {
  form.classList.remove('dropping');
  const [file] = event.dataTransfer?.files ?? [];
  if (!file) return;
  event.preventDefault();
  const one = new DataTransfer();
  one.items.add(file);
  chosen.files = one.files;
  form.requestSubmit();
});
