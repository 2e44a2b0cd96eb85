# Not built in this project's CI (no Docker engine there); its install lines are those of tools/setup run.
FROM python:3.11-slim-bookworm
ENV PYTHONDONTWRITEBYTECODE=1 UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never
WORKDIR /opt/lienthong
COPY requirements/uv.txt requirements/run.txt requirements/
COPY pyproject.toml README.md ./
COPY tools tools
COPY gateway gateway
RUN tools/setup run && useradd --system --home-dir /var/lib/lienthong --create-home lienthong
USER lienthong
ENV PATH=/opt/lienthong/.venv/bin:$PATH \
    GATEWAY_DATABASE_URL=sqlite:////var/lib/lienthong/gateway.db \
    GATEWAY_BLOB_URL=/var/lib/lienthong/blobs \
    GATEWAY_HOST=0.0.0.0
VOLUME /var/lib/lienthong
EXPOSE 8080
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health/live', timeout=3)"]
CMD ["sh", "-c", "gateway migrate && exec gateway serve"]
