# Two stages: everything is built in the first, the second holds the programs and the libraries they link.
FROM debian:12 AS build
WORKDIR /src
COPY . .
RUN ./dev build && cmake --install build/release --prefix /opt/sublet --strip

FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends libzmq5 libfmt9 libspdlog1.10 libyaml-cpp0.7 libsodium23 libhiredis0.14 liblz4-1 libcpp-httplib0.11 libprometheus-cpp-core1.0 && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/sublet /opt/sublet
ENV PATH=/opt/sublet/bin:$PATH
USER 65534:65534
ENTRYPOINT []
CMD ["sublet", "--help"]
