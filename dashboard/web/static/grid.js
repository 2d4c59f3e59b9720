// The grid of a job by keys: arrows go from cell to cell and to the headers, Home and End to the ends of a row, c
// chooses a picture to be compared.
const grid = document.getElementById('grid');

// The rows below the first are shown some at a time: laid out all at once they would hold the page up.
const later = [...grid.querySelectorAll('tr[hidden]')];
function showSome() {
  for (const row of later.splice(0, Number(grid.dataset.rowsAtOnce))) row.hidden = false;
  if (later.length) requestAnimationFrame(() => setTimeout(showSome));
}
showSome();

function linkAt(row, column) {
  return grid.rows[row]?.cells[column]?.querySelector('a');
}

function beside(cell, step, along) {
  const [down, across] = along ? [step, 0] : [0, step];
  let row = cell.parentElement.rowIndex + down;
  let column = Math.min(cell.cellIndex, grid.rows[row]?.cells.length - 1) + across;
  while (grid.rows[row] && column >= 0 && column < grid.rows[row].cells.length) {
    const found = linkAt(row, column);
    if (found) return found;
    row += down;
    column += across;
  }
  return null;
}

grid.addEventListener('keydown', (event) => {
  const cell = event.target.closest('td, th');
  if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'c') cell.querySelector('.pick')?.click(); // choose it, to be compared
  const row = cell.parentElement.rowIndex;
  const next = {
    ArrowLeft: () => beside(cell, -1, false),
    ArrowRight: () => beside(cell, 1, false),
    ArrowUp: () => beside(cell, -1, true),
    ArrowDown: () => beside(cell, 1, true),
    Home: () => linkAt(row, 0) ?? linkAt(row, 1),
    End: () => linkAt(row, grid.rows[row].cells.length - 1),
  }[event.key]?.();
  if (!next) return;
  event.preventDefault();
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: 'nearest', inline: 'nearest' });
});
