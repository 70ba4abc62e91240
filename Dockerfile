# Daybook's server. The file system is read-only in use but for /data:
#   docker run --read-only --tmpfs /tmp -v daybook:/data -p 8000:8000 --env-file daybook.env daybook
FROM python:3.11-slim-bookworm AS build
WORKDIR /srv/daybook
COPY requirements.lock ./
RUN python -m venv /opt/venv \
 && /opt/venv/bin/python -m pip install --quiet --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY app ./app
# Editable on purpose: the image has the layout of the checkout, so definitions and
# migrations are found at the same places in both.
RUN /opt/venv/bin/python -m pip install --quiet --no-cache-dir --no-deps --no-build-isolation --editable . \
 && /opt/venv/bin/python -m compileall -q app

FROM python:3.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    DAYBOOK_DATABASE_URL=sqlite:////data/daybook.sqlite3 \
    DAYBOOK_EXPORTS=/data/exports \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin daybook \
 && install -d -o daybook -g daybook -m 0700 /data
WORKDIR /srv/daybook
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/daybook ./
COPY alembic ./alembic
COPY locales ./locales
COPY questionnaires ./questionnaires
USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["daybook", "health", "--url", "http://127.0.0.1:8000/readyz"]
CMD ["daybook", "serve", "--host", "0.0.0.0", "--port", "8000"]
