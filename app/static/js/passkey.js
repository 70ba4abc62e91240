// Passkeys: the button beside each box for a one-time code, and the one that makes a passkey. Without it codes do.
(function () {
  'use strict';
  var keys = navigator.credentials;
  if (!window.PublicKeyCredential || !keys || !window.fetch) { return; }

  function all(selector) { return [].slice.call(document.querySelectorAll(selector)); }
  function toBytes(text) {
    var plain = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
    return Uint8Array.from(plain, function (sign) { return sign.charCodeAt(0); });
  }
  function toText(buffer) {
    var plain = '';
    [].forEach.call(new Uint8Array(buffer), function (byte) { plain += String.fromCharCode(byte); });
    return btoa(plain).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  }

  // What the server asks and what it reads is JSON; browsers hand over bytes.
  function read(options) {
    options.challenge = toBytes(options.challenge);
    if (options.user) { options.user.id = toBytes(options.user.id); }
    (options.allowCredentials || options.excludeCredentials || []).forEach(function (each) {
      each.id = toBytes(each.id);
    });
    return options;
  }
  function write(made) {
    var answer = made.response, fields = { clientDataJSON: toText(answer.clientDataJSON) };
    if (answer.attestationObject) {
      fields.attestationObject = toText(answer.attestationObject);
      fields.transports = answer.getTransports ? answer.getTransports() : [];
    } else {
      fields.authenticatorData = toText(answer.authenticatorData);
      fields.signature = toText(answer.signature);
      if (answer.userHandle && answer.userHandle.byteLength) { fields.userHandle = toText(answer.userHandle); }
    }
    return JSON.stringify({ id: made.id, rawId: toText(made.rawId), type: made.type, response: fields });
  }
  function load(url) {
    return window.fetch(url, { credentials: 'same-origin' }).then(function (response) {
      if (!response.ok || response.redirected) { throw response; }
      return response.json();
    });
  }
  function show(box) {
    if (!box.hasAttribute('data-passkey-new')) {
      return load(box.getAttribute('data-passkey')).then(function (asked) { return keys.get({ publicKey: read(asked) }); });
    }
    return keys.create({ publicKey: read(JSON.parse(box.getAttribute('data-passkey-new'))) });
  }

  function offer(box) {
    var field = box.querySelector('input'), fault = box.querySelector('.err'), form = field.form, busy = false;
    var code = form.querySelector('[autocomplete=one-time-code]');
    function need(typed) { if (code) { code.required = typed; } }
    function begin() {
      if (busy) { return; }
      need(false);
      fault.hidden = true;
      if (!form.reportValidity()) { need(true); return; }
      busy = true;
      show(box).then(function (made) {
        field.value = write(made);
        form.querySelector('button:not([type=button])').click();
      }).then(null, function () {
        busy = false;
        need(true);
        fault.hidden = false;
      });
    }
    box.hidden = false;
    box.querySelector('button').addEventListener('click', begin);
    // A page that comes back from the browser's memory offers everything anew.
    window.addEventListener('pageshow', function () { busy = false; field.value = ''; need(true); });
  }

  all('[data-passkey], [data-passkey-new]').forEach(offer);
  all('[data-with-passkeys]').forEach(function (part) { part.hidden = false; });
  all('[data-without-passkeys]').forEach(function (part) { part.hidden = true; });
}());
