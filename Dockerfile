# The service, or a worker; the same image for both.
FROM python:3.11.13-slim-bookworm
RUN useradd --create-home lightline && install -d -o lightline /data
WORKDIR /srv/lightline
COPY . .
RUN pip install --no-cache-dir --constraint constraints.txt '.[postgres]'
USER lightline
ENV LIGHTLINE_DATA=/data
VOLUME /data
ENTRYPOINT ["lightline"]
CMD ["run"]
