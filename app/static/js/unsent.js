// Delivers what this phone still keeps of forms that are not open here (app.services.late), and says so.
(function (d, w) {
  var line = d.getElementById('unsent'), store, busy = false, then = [], AGE = 100 * 864e5;
  try { store = w.localStorage; store.getItem('ob'); } catch (e) { return; }
  if (!line || !store || !w.fetch) { return; }
  function boxes() {
    var found = [], i, name;
    for (i = 0; i < store.length; i++) {
      name = store.key(i).split(':');
      if (name[0] === 'ob' && name[2]) { found.push(name); }
    }
    return found;
  }
  // How many questions are answered in a box: what was not ticked (-1), or ticked and not answered yet (-2), is none.
  function answersIn(box) {
    var last = {};
    box.q.forEach(function (record) { last[record[2]] = record[3]; });
    return Object.keys(last).filter(function (item) { return last[item] !== -1 && last[item] !== -2; }).length;
  }
  function say(key, count) {
    line.className = key === 'sent' ? 'note ok' : 'note warn';
    line.textContent = key ? line.getAttribute('data-' + key).replace('#', count) : '';
    line.hidden = !key;
    if (key !== 'waits') { return; }
    var again = d.createElement('button');
    again.className = 'btn sec';
    again.textContent = line.getAttribute('data-again');
    again.addEventListener('click', function () { deliver(); });
    line.appendChild(d.createElement('br'));
    line.appendChild(again);
  }
  // What arrived changes what home says: how much is answered, what is open, and whether to call now.
  function refresh() {
    if (!d.getElementById('cards') || !w.DOMParser) { return; }
    w.fetch('/home', { credentials: 'same-origin' }).then(function (r) { return r.ok ? r.text() : ''; }).then(function (text) {
      var now = new w.DOMParser().parseFromString(text, 'text/html');
      ['call', 'cards'].forEach(function (id) {
        if (now.getElementById(id)) { d.getElementById(id).innerHTML = now.getElementById(id).innerHTML; }
      });
    })['catch'](function () {});
  }
  function deliver(done) {
    var left = boxes(), waits = 0, told = '';
    function next() {
      var name = left.shift(), key, kept, box, at;
      if (!name) {
        busy = false;
        say(waits ? 'waits' : told, waits);
        if (told) { refresh(); }
        then.splice(0).forEach(function (act) { act(); });
        return;
      }
      key = name.join(':');
      kept = store.getItem(key);
      try { box = JSON.parse(kept); } catch (e) { box = null; }
      if (!box || !Array.isArray(box.q)) { store.removeItem(key); return next(); }
      w.fetch('/f/' + name[1] + '/late', { method: 'POST', credentials: 'same-origin',
        headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
        body: JSON.stringify({ client: name[2], sent: new Date().toISOString(), reviewed: box.w || null, kept: box.q }) })
        .then(function (r) {
          // 404: somebody else's on a shared phone; it waits until that person is here again, but not for ever.
          // Since when it waits is told by the server's clock: a phone's own may be years off, then as now.
          if (r.status === 404) {
            at = Date.parse(r.headers.get('Date'));
            if (store.getItem(key) === kept && at - (box.z || at) > AGE) {
              store.removeItem(key);
            } else if (store.getItem(key) === kept && at && !box.z) {
              box.z = at;
              store.setItem(key, JSON.stringify(box));
            }
            return next();
          }
          if (!r.ok) { waits += answersIn(box) || 1; return next(); }
          return r.json().then(function (fate) {
            if (store.getItem(key) === kept) { store.removeItem(key); }
            if (told !== 'kept') { told = fate.state === 'kept' ? 'kept' : fate.late ? 'late' : 'sent'; }
            next();
          });
        })['catch'](function () { waits += answersIn(box) || 1; next(); });
    }
    if (done) { then.push(done); }
    if (busy) { return; }
    busy = true;
    next();
  }
  w.addEventListener('online', function () { deliver(); });
  var leave = d.querySelector('form[action="/settings/leave"]');
  if (leave) {
    // Whoever logs out takes their answers along; another person's on this phone stay.
    leave.addEventListener('submit', function (e) {
      e.preventDefault();
      deliver(function () { leave.submit(); });
    });
  }
  deliver();
})(document, window);
