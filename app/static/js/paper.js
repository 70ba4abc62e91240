// Entering a paper form by digits: a digit chooses its answer and goes to the next question. Without this file the
// page is a form of plain radio buttons.
(function () {
  'use strict';
  var WAITS_FOR_ZERO = 10; // "1" may become "10", so it waits for what is typed next
  var form = document.getElementById('paper-form');
  if (!form) { return; }
  function all(selector, within) { return [].slice.call((within || document).querySelectorAll(selector)); }
  var rows = all('[data-item]', form);
  var pending = null;

  function radiosOf(row) { return all('input[type=radio]', row); }
  function chosenIn(row) { return row.querySelector('input[type=radio]:checked'); }
  function textIn(row) { return row.querySelector('input:not([type=radio]):not([type=checkbox])'); }
  function isAnswered(row) {
    var text = textIn(row), blank = row.querySelector('input[type=checkbox]');
    return text ? text.value.trim() !== '' || Boolean(blank && blank.checked) : Boolean(chosenIn(row));
  }
  function valueOf(code) {
    var row = document.getElementById('item_' + code), chosen = row && !row.hidden && chosenIn(row);
    return chosen && chosen.value >= 0 ? Number(chosen.value) : null; // neither left blank nor not ticked
  }
  // The same rule as on the phone and on the server: a question that is not asked asks no other either.
  function holds(rule) {
    var parts = /^([a-z0-9_]+)(==|>=|<=)([0-9]+)$/.exec(rule), value = parts && valueOf(parts[1]);
    if (!parts) { return true; }
    if (value === null) { return false; }
    return parts[2] === '==' ? value === Number(parts[3]) : parts[2] === '>=' ? value >= Number(parts[3]) : value <= Number(parts[3]);
  }
  function update() {
    rows.forEach(function (row) {
      var rule = row.getAttribute('data-when');
      if (rule) { row.hidden = !holds(rule); }
    });
    var asked = rows.filter(function (row) { return !row.hidden; });
    var count = document.getElementById('paper-count');
    count.textContent = count.getAttribute('data-words')
      .replace('{n}', asked.filter(isAnswered).length).replace('{m}', asked.length);
  }
  function enter(row) {
    var text = textIn(row), field = text || chosenIn(row) || radiosOf(row)[0];
    field.focus();
    if (text) { text.select(); }
  }
  function move(row, step) {
    var place = rows.indexOf(row) + step;
    while (rows[place] && rows[place].hidden) { place += step; }
    pending = null;
    if (rows[place]) { enter(rows[place]); } else if (step > 0) { document.getElementById('paper-send').focus(); }
    return rows[place];
  }
  function choose(row, value) {
    var fitting = radiosOf(row).filter(function (radio) { return radio.value === value; })[0];
    if (!fitting) { return false; }
    fitting.checked = true;
    fitting.focus();
    fitting.dispatchEvent(new Event('input', { bubbles: true }));
    return true;
  }
  function typeDigit(row, digit) {
    if (pending === row) {
      pending = null;
      if (digit === '0' && choose(row, '10')) { move(row, 1); return; }
      row = move(row, 1);
      if (!row || textIn(row)) { return; }
    }
    if (choose(row, digit)) {
      if (digit === '1' && radiosOf(row).some(function (radio) { return Number(radio.value) === WAITS_FOR_ZERO; })) { pending = row; return; }
      move(row, 1);
    } else if (digit === '0' && choose(row, 'blank')) { move(row, 1); }
  }
  form.addEventListener('keydown', function (event) {
    var row = event.target.closest('[data-item]'), key = event.key;
    if (!row || event.ctrlKey || event.metaKey || event.altKey) { return; }
    var typed = key.length === 1 && key.normalize ? key.normalize('NFKC') : key;
    var text = textIn(row);
    if (key === 'Enter') {
      event.preventDefault();
      move(row, 1);
    } else if (text) {
      return;
    } else if (/^[0-9]$/.test(typed)) {
      event.preventDefault();
      typeDigit(row, typed);
    } else if (typed === '.' || typed === '\u3002') {
      event.preventDefault();
      if (choose(row, '-1')) { move(row, 1); } // not ticked in a list
    } else if (typed === '-' || typed === '\u2013' || typed === '\u2014') {
      event.preventDefault();
      if (choose(row, 'blank')) { move(row, 1); }
    } else if (key === 'Backspace') {
      event.preventDefault();
      move(row, -1);
    } else if (key === 'Tab') {
      pending = null;
    }
  });
  form.addEventListener('input', update);
  form.addEventListener('change', update);
  update();
})();
