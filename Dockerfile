# One image for every process of the console; what it does is the command it is started with (see docker-compose.yml).
# The base by its tag: each build takes the system's latest security updates with it. Whoever wants the same bytes writes @sha256:… of one that
# they have looked at behind it (docker buildx imagetools inspect). What is installed into it is pinned by hashes.
FROM python:3.12-slim-bookworm

RUN apt-get update \
 && apt-get install -y --no-install-recommends git openssh-client \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 10001 console

WORKDIR /app
COPY requirements.run.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements.run.lock
COPY . .
# Whoever runs may not write here: what is compiled now is not compiled again at each start.
RUN python -m compileall -q .

# Two arenas: with one for each of its many threads, glibc keeps more memory that nobody uses (docs/benchmarks.md).
ENV PYTHONUNBUFFERED=1 DJANGO_SETTINGS_MODULE=opsconsole.settings DATA_DIR=/data MALLOC_ARENA_MAX=2
RUN install -d -o console -g console /data /sockets
USER console
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --retries=6 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
# A shell, because only it reads the variable; exec, because the signals are uvicorn's. Frames go out as they are: compressing each for each viewer
# costs more than sending it. No access log: the paths of one-time links are secrets.
CMD ["sh", "-c", "exec uvicorn opsconsole.asgi:application --host 0.0.0.0 --port 8000 --no-access-log --timeout-graceful-shutdown 5 --ws-per-message-deflate false --forwarded-allow-ips \"${TRUSTED_PROXY:-127.0.0.1}\""]
