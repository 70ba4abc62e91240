// The transport: everything that goes to the server, and what the page says about it.
// Responsible for sending outbox records in the background, for submitting the form, for retries, and for
// what follows a refusal. `state.sending` is true while the form is under way, `state.saving` while records
// are, and `state.stopped` once this page has nothing more to send.

// A request without an answer counts as failed after this time.
var TIMEOUT_MS = 15e3;
// The first retry comes soon, for a failure that was over before it was noticed; the others are regular.
var FIRST_RETRY_MS = 2e3, RETRY_MS = 2e4;
// Browsers refuse to keep a larger body alive when the page is left.
var KEEPALIVE_BYTES = 6e4;

function request(path, content, onAnswer, onFailure) {
  var isForm = path === 'submit', body = isForm ? content : JSON.stringify(content), isDone;
  // Whichever comes first counts. Of a failure comes nothing or an error: what has no status.
  function once(callback) {
    return function (response) {
      if (!isDone) {
        isDone = true;
        callback(response || {});
      }
    };
  }
  setTimeout(once(onFailure), TIMEOUT_MS);
  window.fetch(formUrl + '/' + path, {
    method: 'POST',
    credentials: 'same-origin',
    redirect: 'manual',
    keepalive: body.length < KEEPALIVE_BYTES,
    headers: {
      'Content-Type': 'application/' + (isForm ? 'x-www-form-urlencoded' : 'json'),
      Accept: 'application/json'
    },
    body: body
  }).then(once(onAnswer), once(onFailure));
}

// What the page says about the connection.
function showNetwork(message, quiet) {
  byId('net').className = quiet ? 'vh' : 'warn';
  byId('net').textContent = state.words[message];
}
function showWaiting() { showNetwork(!isStored() ? NOT_KEPT : state.ownBox.sendPressedAt ? UNSENT : KEPT); }
function noteFailure() {
  if (!state.connectionLost) { setTimeout(deliver, FIRST_RETRY_MS); }
  state.connectionLost = state.wasOffline = true;
  state.ownBox.records.forEach(function (record) { record.offline = true; });
  writeBox(state.ownBox);
  showWaiting();
}
// Takes the warning back once nothing waits any more, and shows a message in its place.
function noteNothingWaits(message) {
  if (state.connectionLost && !firstFilledBox()) {
    state.connectionLost = false;
    showNetwork(state.storage ? message : NOT_KEPT, state.storage && message);
  }
}

// Sends whatever waits: the form if Send was pressed, else the outbox.
function deliver() { if (state.ownBox.sendPressedAt) { submitForm(); } else { sendRecords(); } }

// Sends the first batch of the first box that is not empty; `evenLeaving` is true on the page's last chance.
function sendRecords(evenLeaving) {
  var box = firstFilledBox(), batch = box && box.records.slice(0, state.batchSize);
  if (!box || state.stopped || state.sending) { return; }
  if ((state.saving || isLeaving()) && evenLeaving !== true) { return; }
  state.saving = true;
  request('answers', { client: box.client, sent: localTime(), events: batch.map(toSent) }, function (response) {
    state.saving = false;
    if (state.stopped) { return; }
    var lastSeq = batch[batch.length - 1].seq, revision = +response.headers.get('X-Revision');
    if (response.ok) {
      // A revision further on counts another phone's answers: later ones still rest on what this page knew.
      if (revision === state.revision + batch.length) { state.revision = revision; }
      removeRecords(box, lastSeq);
      noteNothingWaits(ALL_SENT);
      byId('login').hidden = true;
      return deliver();
    }
    if (response.status !== 422) { return handleFailure(response); }
    // One refused record must not hold up the others; the form carries every answer again.
    if (batch.length === 1) { removeRecords(box, lastSeq); } else { state.batchSize = 1; }
    deliver();
  }, function () {
    state.saving = false;
    if (!state.stopped) { noteFailure(); }
  });
}

// Submits the form: every answer once more, and with it the records whose save is still under way, so that
// nobody waits for them. After a failure, or where another box is not empty, the records go first by
// themselves: each is judged by its own time.
function submitForm() {
  if (state.sending || state.stopped) { return; }
  if (!state.ownBox.sendPressedAt) {
    state.ownBox.sendPressedAt = localTime();
    writeBox(state.ownBox);
  }
  showNetwork(SENDING, true);
  var box = firstFilledBox();
  if (box && (state.connectionLost || box !== state.ownBox || box.records.length > state.batchSize)) {
    return sendRecords();
  }
  state.sending = true;
  state.sentSeq = state.lastSeq;
  byId('next').setAttribute('aria-disabled', true);
  request('submit', new URLSearchParams(collectForm(box)) + '', handleSubmitted, handleUnsent);
}
function collectForm(box) {
  form.revision.value = state.revision;
  form.submission_id.value = state.ownBox.client;
  var data = new FormData(form), scale = form.querySelector('.long');
  data.append('reviewed', '1');
  data.append('at', state.ownBox.sendPressedAt);
  data.append('sent', localTime());
  if (state.wasOffline) { data.append('offline', '1'); }
  if (box) { data.append('events', JSON.stringify(box.records.map(toSent))); }
  // How the form was shown: the width, how a long row of numbers stood, and the colour of the letters.
  data.append('shown', [
    window.innerWidth, scale && window.getComputedStyle(scale).display, window.getComputedStyle(form).color
  ]);
  return data;
}
// The answer is the thanks page itself: nothing more has to be fetched. Records that were added meanwhile
// stay in the box.
function handleSubmitted(response) {
  if (!response.ok) { return handleUnsent(response); }
  state.stopped = true;
  removeRecords(state.ownBox, state.sentSeq);
  state.boxes.forEach(clearSendPressed);
  response.text().then(showThanks, function () { window.location.replace(formUrl + '/done'); });
}
function handleUnsent(response) {
  state.sending = false;
  byId('next').setAttribute('aria-disabled', false);
  if (state.stopped) { return; }
  if (response.status === 422) {
    // The server's page says what is wrong. Send has to be pressed again: it is not sent by itself.
    state.stopped = true;
    clearSendPressed(state.ownBox);
    return form.submit();
  }
  handleFailure(response);
}

// Refusals, and requests that got no response.
function handleFailure(response) {
  var status = response.status;
  if (status === 409) {
    if (!state.sending) { leaveClosedForm(); }
  } else if (status === 401 || status === 404) {
    askForLogin();
  } else {
    noteFailure();
  }
}
// What only this page holds must not be lost by leaving it: then the PIN is given in another tab.
function askForLogin() {
  byId('login').lastElementChild.target = isStored() ? '' : '_blank';
  byId('login').hidden = false;
}
// The form is closed or was sent elsewhere. The remaining records are judged as late: they are delivered by
// the page that explains it, where the phone keeps the outbox, else from here, as often as it takes.
function leaveClosedForm() {
  function leave() { window.location.replace(formUrl); }
  function stay(response) {
    state.stopped = false;
    handleFailure(response.status !== 409 && response);
  }
  state.stopped = true;
  if (isStored() || !state.ownBox.records.length) { return leave(); }
  request('late', {
    client: state.ownBox.client,
    sent: localTime(),
    reviewed: state.ownBox.sendPressedAt || null,
    kept: state.ownBox.records.map(toStored)
  }, function (response) { if (response.ok) { leave(); } else { stay(response); } }, stay);
}
