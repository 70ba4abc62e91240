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

  function all(selector, within) { return [].slice.call((within || document).querySelectorAll(selector)); }

  // What was typed, chosen or ticked inside, and would be lost.
  function isChanged(within) {
    return Boolean(within) && all('input, select, textarea', within).some(function (field) {
      if (field.type === 'checkbox' || field.type === 'radio') { return field.checked !== field.defaultChecked; }
      return field.type !== 'hidden' && 'defaultValue' in field && field.value !== field.defaultValue;
    });
  }
  function isAgreed() {
    var list = find('#worklist');
    return !list || window.confirm(list.getAttribute('data-unsaved'));
  }

  // Words that are not saved yet are kept in this tab, also while its owner signs in again.
  var KEPT = 'desk-words ', SENT = 'desk-sent';
  function tab(act) { try { return act(sessionStorage); } catch (_denied) { return null; } }
  function nameOf(form) {
    // The beginning of a page's key says whose page it is: nobody finds the words of somebody else.
    return KEPT + find('[name=act]', form).value.split('.')[0] + ' ' + form.getAttribute('action');
  }
  function fieldsOf(form) {
    return [].slice.call(form.elements).filter(function (field) { return field.name && field.type !== 'hidden'; });
  }
  function keep(form) {
    var typed = fieldsOf(form).map(function (field) {
      return [field.name, /radio|checkbox/.test(field.type) ? field.value : '', /radio|checkbox/.test(field.type) ? field.checked : field.value];
    });
    tab(function (store) { store.setItem(nameOf(form), JSON.stringify(typed)); });
  }
  function restore(form) {
    var kept = tab(function (store) { return JSON.parse(store.getItem(nameOf(form))); });
    if (!kept || isChanged(form) || find('.err', form)) { return; }
    fieldsOf(form).forEach(function (field) {
      kept.forEach(function (each) {
        if (each[0] !== field.name) { return; }
        if (!/radio|checkbox/.test(field.type)) { field.value = each[2]; } else if (each[1] === field.value) { field.checked = each[2]; }
      });
    });
  }
  function forget(form) { tab(function (store) { store.removeItem(nameOf(form)); }); }
  function forgetAll() {
    tab(function (store) {
      Object.keys(store).forEach(function (name) { if (name.indexOf(KEPT) === 0) { store.removeItem(name); } });
    });
  }
  document.addEventListener('input', function (event) {
    var form = event.target.form;
    if (form && form.className === 'keeps') { keep(form); }
  });
  document.addEventListener('submit', function (event) {
    if (event.target.className === 'keeps') { tab(function (store) { store.setItem(SENT, nameOf(event.target)); }); }
    if (/hand-over$/.test(event.target.getAttribute('action') || '')) {
      // The session ends with the first press: a second one would only lead to the sign-in page.
      if (event.target.getAttribute('data-pressed')) { event.preventDefault(); }
      event.target.setAttribute('data-pressed', '1');
    }
    if (/(sign-out|hand-over)$/.test(event.target.getAttribute('action') || '')) { forgetAll(); }
  });
  var isDone = /[?&]done=/.test(window.location.search);
  if (isDone) {
    tab(function (store) { store.removeItem(store.getItem(SENT) || SENT); store.removeItem(SENT); });
    sayDone();
  }
  all('form.keeps').forEach(restore);

  // What was done is said where it can be seen for a while, and not once more when the page is loaded again.
  function sayDone() {
    var here = new URL(window.location.href), said = find('main .note[role=status]');
    here.searchParams.delete('done');
    window.history.replaceState(window.history.state, '', here);
    if (!said) { return; }
    said.classList.add('toast');
    window.setTimeout(function () { said.classList.remove('toast'); }, 6000);
  }
  // After an act on a row the focus goes on there, or at the row after it where this one left the list.
  var ROWS = 'desk-rows';
  function followRow(event) {
    var by = event.submitter, row = (by && by.name === 'one' ? by : event.target).closest('#worklist tr');
    var under = row && row.className === 'under';
    var here = row && find('[data-open]', under ? row.previousElementSibling : row);
    if (!here) { return; }
    var rows = all('[data-open]').map(function (link) { return link.getAttribute('href'); });
    var place = rows.indexOf(here.getAttribute('href'));
    var next = rows.slice(place).concat(rows.slice(0, place).reverse());
    tab(function (store) { store.setItem(ROWS, JSON.stringify(next)); });
  }
  function comeBack() {
    var rows = tab(function (store) { return JSON.parse(store.getItem(ROWS)); }) || [], said = find('.toast[role=status]');
    tab(function (store) { store.removeItem(ROWS); });
    if (!isDone) { return; }
    rows.some(function (href) {
      var link = all('[data-open]').filter(function (each) { return each.getAttribute('href') === href; })[0];
      if (link) { link.focus(); }
      return Boolean(link);
    });
    // Said anew, because what stands on a page from the start is not read out.
    if (said && find('#found')) { window.setTimeout(function () { find('#found').textContent = said.textContent; }, 500); }
  }
  document.addEventListener('submit', followRow);
  if (find('#worklist')) { comeBack(); }

  // Before the session ends by itself, a page says so; a request keeps it awake, and no word is lost either way.
  var idle = find('#idle'), ending = 0;
  function stayAwake() {
    window.clearTimeout(ending);
    idle.hidden = true;
    ending = window.setTimeout(function () { idle.hidden = false; }, 1000 * idle.getAttribute('data-after'));
  }
  if (idle) {
    stayAwake();
    document.addEventListener('htmx:after:request', stayAwake);
    find('button', idle).addEventListener('click', function () {
      window.fetch(window.location.href, { credentials: 'same-origin' }).then(function (answer) {
        if (answer.ok && !answer.redirected) { stayAwake(); }
      });
    });
  }

  // A day in three boxes is spelled out beside them, so that a slip is seen before it is sent.
  var SPOKEN = document.documentElement.lang.replace(/^en$/, 'en-GB'); // the day before the month, as elsewhere
  function spell(boxes) {
    var part = function (name) {
      var typed = find('.' + name + ' input', boxes).value;
      return (typed.normalize ? typed.normalize('NFKC') : typed).trim();
    };
    var year = part('year'), month = Number(part('month')) - 1, day = Number(part('day'));
    var on = new Date(Date.UTC(Number(year), month, day));
    if (!/^[0-9]{4}$/.test(year) || on.getUTCMonth() !== month || on.getUTCDate() !== day) { return ''; }
    return on.toLocaleDateString(SPOKEN, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });
  }
  function echo(boxes) {
    var words = boxes && find('output', boxes.parentNode);
    if (words) { words.textContent = spell(boxes); }
  }
  document.addEventListener('input', function (event) { echo(event.target.closest('.parts')); });
  all('.parts').forEach(echo);

  // One form is open at a time, and it is the one of the row that was chosen last.
  function closeUnder(row) {
    var opener = row.previousElementSibling && find('[data-log]', row.previousElementSibling);
    all('form.keeps', row).forEach(forget);
    row.remove();
    if (opener) { opener.focus(); }
  }
  document.addEventListener('click', function (event) {
    var target = event.target.closest ? event.target : null;
    if (!target) { return; }
    if (target.closest('[data-print]')) { window.print(); }
    var close = target.closest('[data-close]');
    var under = close && close.closest('tr.under');
    if (under) { event.preventDefault(); closeUnder(under); } else if (close) { all('form.keeps').forEach(forget); }
    if (target.closest('[data-retry]')) { retry(); }
    if (target.closest('[data-dismiss]')) { clearFailed(); }
  }, true);
  if (window.MutationObserver && find('#worklist')) {
    new MutationObserver(function () {
      var newest = find('tr.under [data-focus]');
      if (!newest) { return; }
      var mine = newest.closest('tr');
      all('tr.under').forEach(function (row) { if (row !== mine) { row.remove(); } });
      newest.removeAttribute('data-focus');
      all('form.keeps', mine).forEach(restore);
      newest.focus();
    }).observe(find('#worklist'), { childList: true, subtree: true });
  }

  // Requests for a part of the list: they never take the place of something typed, and one that fails says so.
  var agreed = null, failed = null, before = null;
  function wouldBeLost(source) { return find(source.closest('[data-under]') ? 'tr.under' : '#worklist'); }
  function sayFailed(source) {
    var words = find('#failed-words');
    if (!words) { return; }
    failed = source;
    before = find('#failed').contains(document.activeElement) ? before : document.activeElement;
    find('#failed').replaceChildren(words.content.cloneNode(true));
  }
  function clearFailed() {
    find('#failed').replaceChildren();
    if (before && before.isConnected) { before.focus(); }
  }
  function retry() {
    var source = failed;
    clearFailed();
    if (!source || !source.isConnected) { window.location.reload(); } else if (source.requestSubmit) { source.requestSubmit(); } else { source.click(); }
  }
  document.addEventListener('htmx:before:request', function (event) {
    var source = event.detail.ctx.sourceElement, lost = wouldBeLost(source);
    agreed = null;
    if (isChanged(lost) && !isAgreed()) {
      event.preventDefault();
      if (source.reset) { source.reset(); }
      return;
    }
    agreed = isChanged(lost) ? lost : null;
    find('#worklist').setAttribute('aria-busy', 'true');
  });
  document.addEventListener('htmx:finally:request', function () { find('#worklist').removeAttribute('aria-busy'); });
  document.addEventListener('htmx:before:swap', function (event) {
    var context = event.detail.ctx, status = context.response ? context.response.status : 200;
    var lost = wouldBeLost(context.sourceElement);
    if (status >= 400 && status !== 409 && status !== 422) {
      event.preventDefault();
      sayFailed(context.sourceElement);
    } else if (isChanged(lost) && lost !== agreed) {
      event.preventDefault(); // typed since it was asked for
    } else if (find('#failed')) {
      find('#failed').replaceChildren();
    }
  });
  document.addEventListener('htmx:after:swap', function () {
    // The filters as they are now are what a refusal to lose something goes back to.
    all('form.filters input, form.filters option').forEach(function (field) {
      if (field.tagName === 'OPTION') { field.defaultSelected = field.selected; } else if (field.type !== 'hidden') { field.defaultValue = field.value; }
    });
  });
  document.addEventListener('htmx:error', function (event) {
    var context = event.detail.ctx;
    if (context) { sayFailed(context.sourceElement); }
  });

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
    '/': function () { var field = find('#find'); if (field) { field.focus(); } return Boolean(field); },
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
  // What a form answered is not asked for again, which would send the form: there it goes to the list itself.
  var shown = Date.now();
  document.addEventListener('visibilitychange', function () {
    var list = find('#worklist');
    if (document.hidden || !list || find('tr.under') || Date.now() - shown < 60000) { return; }
    if (isChanged(list) || isChanged(find('form.filters'))) { return; }
    var home = new URL(list.getAttribute('data-url'), window.location.href);
    if (home.pathname === window.location.pathname) { window.location.reload(); } else { window.location.assign(home.href); }
  });
})();
