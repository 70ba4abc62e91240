// The desk without this file works the same; here are keys, a print button, the focus, and forms under a row.
(function () {
  'use strict';
  var KEYS = 'desk-keys';
  document.documentElement.classList.add('js');

  // Single keys can be switched off (WCAG 2.1.4); a browser that keeps nothing leaves them on.
  function keysOn() {
    try { return localStorage.getItem(KEYS) !== 'off'; } catch (_denied) { return true; }
  }
  function find(selector, within) { return (within || document).querySelector(selector); }

  function closeUnder(row) {
    var opener = row.previousElementSibling && find('[data-log]', row.previousElementSibling);
    row.remove();
    if (opener) { opener.focus(); }
  }
  document.addEventListener('click', function (event) {
    var target = event.target.closest ? event.target : null;
    if (!target) { return; }
    if (target.closest('[data-print]')) { window.print(); }
    var under = target.closest('tr.under');
    if (under && target.closest('[data-close]')) { event.preventDefault(); closeUnder(under); }
    // One form is open at a time: two would carry the same ids.
    if (target.closest('a[data-under]') && find('tr.under')) { find('tr.under').remove(); }
  }, true);
  if (window.MutationObserver && find('#worklist')) {
    new MutationObserver(function () {
      var heading = find('tr.under [data-focus]');
      if (heading) { heading.removeAttribute('data-focus'); heading.focus(); }
    }).observe(find('#worklist'), { childList: true, subtree: true });
  }

  function move(step) {
    var rows = [].slice.call(document.querySelectorAll('[data-open]'));
    var here = document.activeElement && document.activeElement.closest('tr');
    if (here && here.className === 'under') { here = here.previousElementSibling; }
    var place = rows.findIndex(function (link) { return here && here.contains(link); });
    var next = rows[Math.max(0, Math.min(rows.length - 1, place < 0 ? 0 : place + step))];
    if (next) { next.focus(); }
  }
  function press(selector) {
    var row = document.activeElement && document.activeElement.closest('tr');
    var control = row && find(selector, row);
    if (control) { control.click(); }
    return Boolean(control);
  }
  function showKeys() {
    var list = document.getElementById('keys');
    if (list) { list.open = !list.open; find('summary', list).focus(); }
    return Boolean(list);
  }
  var ACTS = {
    '/': function () { var field = document.getElementById('q'); if (field) { field.focus(); } return Boolean(field); },
    'j': function () { move(1); return true; },
    'k': function () { move(-1); return true; },
    'c': function () { return press('[data-log]'); },
    'r': function () { return press('[data-remind]'); },
    '?': showKeys
  };
  document.addEventListener('keydown', function (event) {
    var typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== 'checkbox';
    var act = Object.prototype.hasOwnProperty.call(ACTS, event.key) && ACTS[event.key];
    if (!act || typing || event.ctrlKey || event.metaKey || event.altKey || !keysOn()) { return; }
    if (act()) { event.preventDefault(); }
  });
  var choice = document.getElementById('keys-on');
  if (choice) {
    choice.checked = keysOn();
    choice.addEventListener('change', function () {
      try { localStorage.setItem(KEYS, choice.checked ? 'on' : 'off'); } catch (_denied) { /* on for this page */ }
    });
  }

  // A list that stood behind another window is old: ask again when it is looked at, unless something is typed.
  var shown = Date.now();
  document.addEventListener('visibilitychange', function () {
    if (document.hidden || !find('#worklist') || find('tr.under') || Date.now() - shown < 60000) { return; }
    window.location.reload();
  });
})();
