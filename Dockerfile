# Two stages: Deno compiles, and the image holds the result, its licence and its bill of materials.
#
# Both images are pinned by an exact tag. A digest is stronger; hand one over with
# `--build-arg BUILDER=denoland/deno:debian-2.9.6@sha256:…` and `--build-arg BASE=…` after checking its signature. None
# stands here, since one that nobody has verified would be a promise without a ground. What matters most is checked in
# another way: the binary is reproducible, and `deno task rebuild` compares it with the published SHA256SUMS.
ARG BUILDER=docker.io/denoland/deno:debian-2.9.6
ARG BASE=gcr.io/distroless/cc-debian13:nonroot

# The builder runs on the builder's own machine: Deno compiles for the other one without emulation.
FROM --platform=$BUILDPLATFORM ${BUILDER} AS build
ARG TARGETARCH
# The commit and its time in seconds, since git's folder is not copied:
# `--build-arg COMMIT=$(git rev-parse HEAD) --build-arg COMMIT_TIME=$(git log -1 --format=%ct)`
ARG COMMIT
ARG COMMIT_TIME
WORKDIR /src
COPY deno.json deno.keyring.json deno.clectl.json deno.dev.json ./
COPY deno.lock deno.keyring.lock deno.clectl.lock deno.dev.lock ./
COPY main.ts LICENSE ./
COPY lib lib
COPY proto proto
COPY deploy/compile deploy/compile
COPY deploy/release deploy/release
# Files that the program contains, for `trousseau init`.
COPY deploy/kubernetes deploy/kubernetes
COPY deploy/policies deploy/policies
COPY deploy/systemd deploy/systemd
RUN if [ -n "$COMMIT" ]; then \
      sed -i "s/source:[$]Format:%H %ct[$]/source:$COMMIT $COMMIT_TIME/" lib/base/version.ts; \
    fi \
    && deno task compile --target "$TARGETARCH" \
    && mkdir -p image/usr/local/bin image/usr/share/doc/trousseau \
    && mv "dist/trousseau-linux-$TARGETARCH" image/usr/local/bin/trousseau \
    && cp LICENSE image/usr/share/doc/trousseau/ \
    && deno task sbom > image/usr/share/doc/trousseau/sbom.cdx.json \
    && chmod -R u=rwX,go=rX image && chmod 0555 image/usr/local/bin/trousseau

FROM ${BASE}
ARG COMMIT
LABEL org.opencontainers.image.title="trousseau" \
      org.opencontainers.image.description="KMS plugin for Kubernetes, and a keyring" \
      org.opencontainers.image.licenses="Apache-2.0 AND MPL-2.0 AND CC-BY-3.0-US" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="$COMMIT"
COPY --from=build --chown=0:0 /src/image /
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/trousseau"]
CMD ["serve", "--config", "/etc/trousseau/trousseau.yaml"]
