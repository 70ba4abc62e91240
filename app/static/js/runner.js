// Question runner: one question at a time over the plain form. ES5; without it the long form works.
(function (d, w) {
  var f = d.getElementById('f'), root = d.documentElement, post = w.fetch;
  if (!post || !w.URLSearchParams || !f || !f.closest || !w.history.pushState) { root.className = root.className.replace(' js', ''); return; }
  var hear = function (at, what, then) { at.addEventListener(what, then); };
  var say = function (key) { return f.getAttribute('data-' + key); };
  var el = function (id) { return d.getElementById(id); };
  var all = function (sel, at) { return [].slice.call((at || f).querySelectorAll(sel)); };
  var items = all('[id^=s-]'), now = null, fromReview = false, steppedAt = 0, depth = 0;
  var bar = f.querySelector('.bar'), review = el('review'), stopping = el('stop');
  var name = d.title, nextWord = el('next').textContent;
  var queue = [], seq = 0, revision = +f.revision.value, flying = 0, batch = 50, lost = false;
  var wantSend = false, sending = false, stopped = false, seen = false;

  // Answers: undefined = not answered, null = left blank, NaN = cannot be read.
  function attr(s, key) { return s.getAttribute('data-' + key); }
  function section(code) { return el('s-' + code); }
  function box(s) { return s.querySelector('[type=checkbox]'); }
  function typed(s) { return s.querySelector('input:not([type])'); }
  function answer(s) {
    var b = box(s), t = typed(s), on;
    if (b && b.checked) { return null; }
    if (!t) { on = s.querySelector('[type=radio]:checked'); return on ? +on.value : undefined; }
    var text = t.value.replace(/^\s+|\s+$/g, '');
    if (!text) { return undefined; }
    return s.hasAttribute('data-text') ? text : decimal(s, text);
  }
  function decimal(s, text) {
    var v = Math.round(+text.replace(',', '.') * Math.pow(10, +attr(s, 'dec')));
    return v >= +attr(s, 'low') && v <= +attr(s, 'high') ? v : NaN;
  }
  function settled(s) { var v = answer(s); return v !== undefined && v === v; }
  function holds(rule, v) {
    var m = /(.=)(\d+)$/.exec(rule), n = +m[2];
    return typeof v === 'number' && (m[1] === '==' ? v === n : m[1] === '>=' ? v >= n : v <= n);
  }
  // 1 asked, 0 not asked, 2 not decided yet
  function asked(s) {
    var rule = attr(s, 'if'), source, up;
    if (!rule) { return 1; }
    source = section(/^\w+/.exec(rule)[0]);
    up = asked(source);
    if (up !== 1) { return up; }
    return settled(source) ? (holds(rule, answer(source)) ? 1 : 0) : 2;
  }
  function steps() { return items.filter(function (s) { return asked(s) === 1; }); }
  function open(list) { return list.filter(function (s) { return !settled(s); })[0]; }

  // Saving: immutable events in the order given; kept until the server has taken them.
  function stamp() {
    var t = new Date(), zone = /GMT(...)(..)/.exec(t);
    if (!zone) { return t.toISOString(); }
    return new Date(t - t.getTimezoneOffset() * 6e4).toISOString().replace('Z', zone[1] + ':' + zone[2]);
  }
  function keep(s) {
    var v = answer(s);
    if (v === undefined || v !== v || s.kept === v) { return; }
    s.kept = v;
    queue.push({ seq: ++seq, base: revision, item: s.id.slice(2), value: v, at: stamp() });
    flush();
  }
  function net(key, calm) { el('net').className = calm ? 'vh' : 'warn'; el('net').textContent = key ? say(key) : ''; }
  function trouble() { lost = true; net(wantSend ? 'unsent' : 'wait'); }
  function recovered() { if (lost && !queue.length) { lost = false; net('sent', true); } el('login').hidden = true; }
  function flush(leaving) {
    var part = queue.slice(leaving === true ? flying : 0, batch);
    if ((flying && leaving !== true) || stopped || sending || !part.length) { return; }
    flying = part.length;
    request(say('save'), 'application/json', JSON.stringify({ client: f.submission_id.value, events: part }), function (r) {
      flying = 0;
      if (r.ok) {
        queue.splice(0, part.length);
        revision = +(r.headers.get('X-Revision') || revision);
        recovered();
        return again();
      }
      if (r.status !== 422) { return refused(r); }
      // One refused event must not hold up the others; sending carries every answer again.
      if (part.length === 1) { queue.shift(); } else { batch = 1; }
      again();
    }, function () { flying = 0; trouble(); });
  }
  function request(url, type, body, then, failed) {
    var done = false, timer = setTimeout(function () { end(failed); }, 15000);
    function end(what, r) { if (!done) { done = true; clearTimeout(timer); what(r); } }
    post(url, { method: 'POST', credentials: 'same-origin', redirect: 'manual', keepalive: body.length < 6e4,
      headers: { 'Content-Type': type, Accept: 'application/json' }, body: body })
      .then(function (r) { end(then, r); }, function () { end(failed); });
  }
  function refused(r) {
    if (r.status === 401) { el('login').hidden = false; return; }
    if (r.status === 409) {
      return r.json().then(function (body) { stop(body.state); }, function () { stop(''); });
    }
    trouble();
  }
  function stop(state) {
    stopped = true;
    el(state === 'submitted' ? 't-submitted' : 't-closed').hidden = false;
    reveal(stopping);
    bar.hidden = true;
    net('');
  }

  // Sending: first the events that still wait, so that the trail is whole; then every answer once more.
  function send() {
    wantSend = true;
    if (sending || stopped) { return; }
    if (queue.length) { net('sending', true); return flush(); }
    sending = true;
    f.reviewed.disabled = false;
    f.revision.value = revision;
    var data = new FormData(f);
    el('next').setAttribute('aria-disabled', 'true');
    net('sending', true);
    data.append('at', stamp());
    data.append('width', w.innerWidth);
    request(f.getAttribute('action'), 'application/x-www-form-urlencoded', new URLSearchParams(data) + '', sent, unsent);
  }
  function sent(r) {
    if (r.ok || r.type === 'opaqueredirect') { queue = []; stopped = true; w.location.replace(say('done')); return; }
    unsent(r);
  }
  function unsent(r) {
    sending = false;
    el('next').removeAttribute('aria-disabled');
    if (r && r.status === 422) { stopped = true; return HTMLFormElement.prototype.submit.call(f); }
    if (r) { refused(r); } else { trouble(); }
  }
  function again() { if (wantSend) { send(); } else { flush(); } }

  // Showing one section.
  function reveal(s) {
    if (now) { now.className = now.className.replace(' on', ''); }
    now = s;
    s.className += ' on';
    ask('');
    seen = false;
    var list = steps(), i = list.indexOf(s);
    var total = items.filter(function (x) { return asked(x) > 0; }).length;
    var place = say('of').replace('##', total).replace('#', i + 1);
    el('bar').parentNode.hidden = i < 0;
    if (i >= 0) { el('pos').textContent = place; el('bar').max = total; el('bar').value = i + 1; }
    el('next').textContent = s === review ? say('send') : nextWord;
    d.title = (i < 0 ? text(s) : place) + ' - ' + name;
    if (s === review) { fill(list); }
    alarm();
    more();
  }
  function focus() {
    now.querySelector('h1').focus();
    w.scrollTo(0, 0);
  }
  function go(s, push, change) {
    if (s !== review && s !== stopping && asked(s) !== 1) { s = open(steps()) || review; }
    fromReview = !!change;
    wantSend = wantSend && s === review;
    steppedAt = Date.now();
    reveal(s);
    focus();
    var state = { s: s.id, d: push ? ++depth : depth, r: fromReview };
    w.history[push ? 'pushState' : 'replaceState'](state, '');
  }
  function next() {
    if (Date.now() - steppedAt < 400 || stopped) { return; }
    if (now === review) { return send(); }
    if (!settled(now)) { return ask(answer(now) === undefined ? 'none' : 'number'); }
    keep(now);
    forward();
  }
  function forward() {
    var list = steps(), i = list.indexOf(now);
    if (fromReview) { return open(list) ? go(open(list), true) : w.history.back(); }
    go(list[i + 1] || open(list) || review, true);
  }
  function back() {
    var list = steps(), i = now === review ? list.length : list.indexOf(now);
    if (i < list.length) { keep(now); }
    if (depth > 0) { w.history.back(); } else if (i > 0) { go(list[i - 1], false); } else { w.location.href = d.querySelector('.home').href; }
  }
  function ask(what) {
    el('m-none').hidden = what !== 'none';
    el('m-number').hidden = what !== 'number';
    el('leave').hidden = what !== 'none' || now.hasAttribute('data-must');
    el('ask').className = 'note warn' + (what ? ' on' : '');
    if (what) { el('ask').scrollIntoView(false); w.scrollBy(0, bar.offsetHeight + 16); }
  }
  function leave() {
    if (Date.now() - steppedAt < 400) { return; }
    if (typed(now)) { typed(now).value = ''; }
    box(now).checked = true;
    keep(now);
    forward();
  }
  function alarm() {
    var here = now === review ? steps() : now === stopping ? [] : [now];
    var on = here.some(function (s) { return attr(s, 'urgent') && holds(attr(s, 'urgent'), answer(s)); });
    el('urgent').className = 'note err' + (on ? ' on' : '');
    el('urgent').firstElementChild.hidden = !on;
  }
  function more() {
    var last = all('.o:not(.no-js)', now).pop();
    if (last && last.getBoundingClientRect().bottom <= bar.getBoundingClientRect().top + 2) { seen = true; }
    el('more').className = 'more' + (last && !seen ? ' on' : '');
  }

  // Review: the words stay in the form; only the lines are made here.
  function text(s) { return s.querySelector('h1').textContent; }
  function title(s) { return steps().indexOf(s) + 1 + '. ' + text(s); }
  function words(s) {
    var on = s.querySelector('[type=radio]:checked');
    return answer(s) === null ? say('blank') : on ? on.nextElementSibling.textContent : typed(s).value;
  }
  function add(parent, name, text) {
    var x = d.createElement(name);
    x.textContent = text;
    return parent.appendChild(x);
  }
  function fill(list) {
    var rows = el('rows'), blanks = list.filter(function (s) { return answer(s) === null; });
    rows.textContent = '';
    list.forEach(function (s) {
      var row = add(rows, 'div', ''), change;
      add(row, 'dt', title(s)).lang = s.firstElementChild.lang;
      add(row, 'dd', words(s));
      change = add(add(row, 'dd', ''), 'a', say('change'));
      change.href = '#' + s.id;
      add(change, 'span', ' ' + title(s)).className = 'vh';
    });
    el('blanks').hidden = !blanks.length;
    el('blanks').textContent = say('blanks').replace('#', blanks.length) + ' · ';
    if (blanks.length) {
      add(el('blanks'), 'a', title(blanks[0])).href = '#' + blanks[0].id;
    }
  }

  hear(f, 'submit', function (e) { e.preventDefault(); next(); });
  hear(f, 'change', function (e) {
    var s = e.target.closest('[id^=s-]');
    if (!s) { return; }
    if (box(s) && e.target !== box(s)) { box(s).checked = false; }
    if (!typed(s) || settled(s)) { ask(''); }
    keep(s);
    alarm();
  });
  hear(f, 'input', function (e) {
    var s = e.target.closest('[id^=s-]');
    if (s && typed(s) && box(s)) { box(s).checked = false; }
  });
  hear(f, 'click', function (e) {
    var a = e.target.closest('a[href^="#s-"]');
    if (!a) { return; }
    e.preventDefault();
    go(el(a.getAttribute('href').slice(1)), true, true);
  });
  hear(el('back'), 'click', back);
  hear(el('leave'), 'click', leave);
  hear(w, 'popstate', function (e) {
    if (!e.state || !e.state.s || stopped) { return; }
    depth = e.state.d;
    go(el(e.state.s), false, e.state.r);
  });
  hear(w, 'scroll', more);
  hear(w, 'resize', more);
  hear(w, 'online', again);
  hear(w, 'pagehide', function () { flush(true); });
  hear(d, 'visibilitychange', again);
  setInterval(again, 20000);
  hear(w, 'beforeunload', function (e) { if (lost && queue.length && !stopped) { e.preventDefault(); e.returnValue = ''; } });

  items.forEach(function (s) { s.kept = answer(s); });
  var first = f.querySelector('[data-bad]') || open(steps()) || review;
  reveal(first);
  w.history.replaceState({ s: first.id, d: 0 }, '');
})(document, window);
