# One image for the migrate job and the API. Dependencies come from requirements.lock only, each checked by its hash.
FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /opt/greenledger
RUN python -m venv .venv
COPY requirements.lock ./
RUN .venv/bin/python -m pip install --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY ledger ledger
COPY api api
COPY migrations migrations
# Installed in place, because the migrations lie beside the packages.
RUN .venv/bin/python -m pip install --no-deps --no-build-isolation --editable .

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/greenledger --create-home greenledger
COPY --from=build /opt/greenledger /opt/greenledger
ENV PATH=/opt/greenledger/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    GREENLEDGER_HOME=/var/lib/greenledger
# A new volume takes the owner and mode of what it is mounted over.
RUN install --directory --owner 10001 --mode 0700 /var/lib/greenledger/seen /var/lib/greenledger/signer
WORKDIR /var/lib/greenledger
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=6 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["greenledger"]
CMD ["serve", "--host", "0.0.0.0"]
