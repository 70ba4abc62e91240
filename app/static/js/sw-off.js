// In the place of sw.js where a study does not want it: takes itself and all that was kept off the phone.
(function (w) {
  w.addEventListener('install', function () { w.skipWaiting(); });
  w.addEventListener('activate', function (e) {
    e.waitUntil(w.caches.keys().then(function (names) {
      return Promise.all(names.map(function (name) { return w.caches.delete(name); }));
    }).then(function () { return w.registration.unregister(); }));
  });
})(self);
