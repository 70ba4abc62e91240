// Where the study wants it: lets a form that was begun here be opened again without a connection.
// Never inside WeChat, whose windows come and go with the chat.
(function (n) {
  if (n.serviceWorker && !/MicroMessenger/i.test(n.userAgent)) { n.serviceWorker.register('/sw.js').catch(function () {}); }
})(navigator);
