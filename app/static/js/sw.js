// Opens a form that was begun on this phone again without a connection. What it keeps is of nobody:
// forms without any answer, and the page that says that there is no connection. Answers are never here.
(function (w) {
  var NAME = 'blank', OFFLINE = '/offline', FORM = /^\/f\/([^/]+)(\/done)?$/;
  var SENT = /^\/f\/([^/]+)\/(submit|late)$/;
  function opened() { return w.caches.open(NAME); }
  function clear() { return w.caches.delete(NAME); }
  function blank(slot) { return '/f/' + slot + '/blank'; }
  function slotOf(request) { return (/^\/f\/([^/]+)\/blank$/.exec(new URL(request.url).pathname) || [])[1]; }
  function forget(path) { return opened().then(function (c) { return c.delete(path); }); }
  function take(path) {
    return w.fetch(path, { credentials: 'same-origin', redirect: 'manual' }).then(function (r) {
      if (r.status === 401 || r.status === 403) { return clear(); }
      if (r.status === 404) { return forget(path); }
      return r.ok && opened().then(function (c) { return c.put(path, r); });
    }).catch(function () {});
  }
  function takeOffline() {
    return w.caches.match(OFFLINE).then(function (page) { return page || take(OFFLINE); });
  }
  // The page for no connection leads to the form that was opened last.
  function away() {
    return opened().then(function (c) {
      return Promise.all([c.match(OFFLINE), c.keys()]).then(function (found) {
        var page = found[0], slot = found[1].map(slotOf).filter(Boolean).pop();
        if (!page || !slot) { return page || Response.error(); }
        return page.text().then(function (text) {
          return new Response(text.replace(' hidden', '').replace('/f/-', '/f/' + slot), { headers: page.headers });
        });
      });
    });
  }
  // One after the other: a form that is still being fetched must not come after it was forgotten.
  var last = Promise.resolve();
  function inTurn(act) {
    last = last.then(act, act);
    return last;
  }
  function after(form) {
    if (!form) { return takeOffline(); }
    return form[2] ? forget(blank(form[1])) : take(blank(form[1])).then(takeOffline);
  }
  // The runner sends without leaving its page: what was sent opens no more, and a leftover may have sent it.
  function noted(e, sent) {
    var path = blank(sent[1]);
    return w.fetch(e.request).then(function (answer) {
      if (answer.ok) {
        e.waitUntil(inTurn(function () {
          return sent[2] === 'submit' ? forget(path) : w.caches.match(path).then(function (page) { return page && take(path); });
        }));
      }
      return answer;
    });
  }
  w.addEventListener('install', function (e) {
    w.skipWaiting();
    e.waitUntil(take(OFFLINE));
  });
  w.addEventListener('activate', function (e) { e.waitUntil(w.clients.claim()); });
  w.addEventListener('fetch', function (e) {
    var r = e.request, path = new URL(r.url).pathname, form = FORM.exec(path), sent = SENT.exec(path);
    if (sent && r.mode !== 'navigate') { e.respondWith(noted(e, sent)); }
    if (r.mode !== 'navigate' || /^\/(desk|api)/.test(path)) { return; }
    if (r.method !== 'GET') {
      // Log-out, somebody else's link, another language or size of text: what is kept may fit no more.
      if (path.indexOf('/f/') && w.navigator.onLine) { e.waitUntil(clear()); }
      return;
    }
    e.respondWith(w.fetch(r).then(function (answer) {
      e.waitUntil(inTurn(function () { return after(form); }));
      return answer;
    }, function () {
      return !form || form[2] ? away() : w.caches.match(blank(form[1])).then(function (page) { return page || away(); });
    }));
  });
})(self);
