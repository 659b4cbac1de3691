#include "common/wire/codec.hpp"

#include <array>
#include <cstring>

#include <fmt/format.h>

#include "common/wire/message_checks.hpp"
#include "common/wire/msgpack_reader.hpp"
#include "common/wire/read_fields.hpp"
#include "common/wire/write_fields.hpp"

namespace sublet::wire {
namespace {

constexpr std::string_view kMagic = "SUB1";

/// Everything the codec knows of a message besides its fields.
template <class M>
struct About;

// clang-format off
template <> struct About<Hello>       { static constexpr std::string_view kName = "HELLO"; };
template <> struct About<Welcome>     { static constexpr std::string_view kName = "WELCOME"; };
template <> struct About<Ping>        { static constexpr std::string_view kName = "PING"; };
template <> struct About<Pong>        { static constexpr std::string_view kName = "PONG"; };
template <> struct About<Bye>         { static constexpr std::string_view kName = "BYE"; };
template <> struct About<ErrorReply>  { static constexpr std::string_view kName = "ERROR"; };
template <> struct About<Credit>      { static constexpr std::string_view kName = "CREDIT"; };
template <> struct About<Window>      { static constexpr std::string_view kName = "WINDOW"; };
template <> struct About<Offer>       { static constexpr std::string_view kName = "OFFER"; };
template <> struct About<Lease>       { static constexpr std::string_view kName = "LEASE"; };
template <> struct About<Renew>       { static constexpr std::string_view kName = "RENEW"; };
template <> struct About<Renewed>     { static constexpr std::string_view kName = "RENEWED"; };
template <> struct About<Release>     { static constexpr std::string_view kName = "RELEASE"; };
template <> struct About<Cancel>      { static constexpr std::string_view kName = "CANCEL"; };
template <> struct About<Pause>       { static constexpr std::string_view kName = "PAUSE"; };
template <> struct About<Watch>       { static constexpr std::string_view kName = "WATCH"; };
template <> struct About<Event>       { static constexpr std::string_view kName = "EVENT"; };
template <> struct About<List>        { static constexpr std::string_view kName = "LIST"; };
template <> struct About<Listed>      { static constexpr std::string_view kName = "LISTED"; };
template <> struct About<Want>        { static constexpr std::string_view kName = "WANT"; };
template <> struct About<DeadQuery>   { static constexpr std::string_view kName = "DEAD"; };
template <> struct About<DeadListed>  { static constexpr std::string_view kName = "DEAD_LISTED"; };
template <> struct About<Remove>      { static constexpr std::string_view kName = "REMOVE"; };
template <> struct About<Teardown>    { static constexpr std::string_view kName = "TEARDOWN"; };
template <> struct About<Removed>     { static constexpr std::string_view kName = "REMOVED"; };
template <> struct About<Open>        { static constexpr std::string_view kName = "OPEN"; };
template <> struct About<Opened>      { static constexpr std::string_view kName = "OPENED"; };
template <> struct About<Close>       { static constexpr std::string_view kName = "CLOSE"; };
template <> struct About<Submit>      { static constexpr std::string_view kName = "SUBMIT"; };
template <> struct About<Accepted>    { static constexpr std::string_view kName = "ACCEPTED"; };
template <> struct About<Run>         { static constexpr std::string_view kName = "RUN"; };
template <> struct About<Settle>      { static constexpr std::string_view kName = "SETTLE"; };
template <> struct About<Settled>     { static constexpr std::string_view kName = "SETTLED"; };
template <> struct About<Read>        { static constexpr std::string_view kName = "READ"; };
template <> struct About<Output>      { static constexpr std::string_view kName = "OUTPUT"; };
template <> struct About<Taken>       { static constexpr std::string_view kName = "TAKEN"; };
template <> struct About<Get>         { static constexpr std::string_view kName = "GET"; };
template <> struct About<BundleReply> { static constexpr std::string_view kName = "BUNDLE"; };
template <> struct About<Replay>      { static constexpr std::string_view kName = "REPLAY"; };
template <> struct About<Peek>        { static constexpr std::string_view kName = "PEEK"; };
template <> struct About<ChunkPayload> { static constexpr std::string_view kName = "PAYLOAD"; };
// clang-format on

template <class M>
constexpr bool kCarriesPayload =
    std::is_same_v<M, Replay> || std::is_same_v<M, ChunkPayload> || std::is_same_v<M, Open> || std::is_same_v<M, Submit> ||
    std::is_same_v<M, Run> || std::is_same_v<M, Settle> || std::is_same_v<M, Output> || std::is_same_v<M, BundleReply>;

std::optional<Error> read_body(FieldReader& reader, auto& message, std::string_view name, std::size_t payload_bytes) {
  if (!reader.read_struct(message)) return reader.error(name);
  return check_message(message, payload_bytes);
}

struct Row {
  std::string_view name;
  bool carries_payload = false;
  std::optional<Error> (*read)(FieldReader&, Message&, std::size_t payload_bytes) = nullptr;
};

template <class M>
constexpr Row row_of() {
  return {.name = About<M>::kName,
          .carries_payload = kCarriesPayload<M>,
          .read = [](FieldReader& reader, Message& out, std::size_t payload_bytes) {
            return read_body(reader, out.emplace<M>(), About<M>::kName, payload_bytes);
          }};
}

/// One row for each number; those without a name are no message.
constexpr auto kRows = []<class... M>(std::type_identity<std::variant<M...>>) {
  std::array<Row, 256> rows{};
  ((rows[M::kType] = row_of<M>()), ...);
  return rows;
}(std::type_identity<Message>{});

template <class Number>
Number load(ByteView bytes) {
  Number number{};
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

template <class Number>
std::byte* store(std::byte* at, Number number) {
  std::memcpy(at, &number, sizeof number);
  return at + sizeof number;
}

/// Nothing is assumed of a header that is not ours: `failure.request` is set as soon as it can be.
std::optional<DecodeFailure> read_header(ByteView frame, Header& header) {
  const auto refuse = [&](ErrorCode code, std::string detail) {
    return DecodeFailure{.error = {.code = code, .detail = std::move(detail)}, .request = header.request};
  };
  if (frame.size() < kHeaderBytes) {
    return refuse(ErrorCode::bad_message, fmt::format("a frame of {} bytes; the header alone has {}", frame.size(), kHeaderBytes));
  }
  const auto magic = as_text(frame.first(kMagic.size()));
  if (magic.substr(0, 3) != kMagic.substr(0, 3)) return refuse(ErrorCode::bad_message, "the frame does not begin with \"SUB1\"");
  if (magic != kMagic) {
    return refuse(ErrorCode::version_mismatch, fmt::format("version byte 0x{:02x}; this side speaks SUB/1 (0x31)", magic.back() & 0xff));
  }
  header = {.type = load<std::uint8_t>(frame.subspan(4)),
            .flags = load<std::uint8_t>(frame.subspan(5)),
            .minor = load<std::uint16_t>(frame.subspan(6)),
            .request = load<std::uint64_t>(frame.subspan(8))};
  if (header.minor > kMinor) {
    return refuse(ErrorCode::version_mismatch, fmt::format("minor version {}; this side speaks up to {}", header.minor, kMinor));
  }
  if (header.flags != 0) return refuse(ErrorCode::protocol_error, fmt::format("flags 0x{:02x}; none are defined", header.flags));
  return std::nullopt;
}

/// Whether the frames are as many and as large as this type of message may have.
std::optional<Error> check_frames(const Row& row, const Header& header, ByteView frame, std::optional<std::size_t> payload,
                                  const Limits& limits) {
  const auto refuse = [](ErrorCode code, std::string detail) { return Error{.code = code, .detail = std::move(detail)}; };
  if (row.read == nullptr) return refuse(ErrorCode::protocol_error, fmt::format("{} is no message type", header.type));
  if (row.carries_payload != payload.has_value()) {
    const auto rule = row.carries_payload ? "comes with one payload frame, which may be empty" : "comes without a payload frame";
    return refuse(ErrorCode::protocol_error, fmt::format("{} {}", row.name, rule));
  }
  const auto body_bytes = frame.size() - kHeaderBytes;
  if (body_bytes > limits.max_body_bytes) {
    return refuse(ErrorCode::message_too_large,
                  fmt::format("{}: a body of {} bytes; at most {}", row.name, body_bytes, limits.max_body_bytes));
  }
  if (payload.value_or(0) > limits.max_payload_bytes) {
    return refuse(ErrorCode::message_too_large,
                  fmt::format("{}: a payload of {} bytes; at most {}", row.name, *payload, limits.max_payload_bytes));
  }
  return std::nullopt;
}

}  // namespace

void encode(std::uint64_t request, const Message& message, std::vector<std::byte>& out) {
  const auto begin = out.size();
  out.resize(begin + kHeaderBytes);
  auto* at = out.data() + begin;
  std::memcpy(at, kMagic.data(), kMagic.size());
  at = store(at + kMagic.size(), type_of(message));
  at = store(at, std::uint8_t{0});
  at = store(at, kMinor);
  store(at, request);
  std::visit([&](const auto& held) { FieldWriter(out).write_struct(held); }, message);
}

std::expected<Decoded, DecodeFailure> decode(ByteView frame, std::optional<std::size_t> payload_bytes, const Limits& limits) {
  Decoded decoded;
  if (auto failure = read_header(frame, decoded.header)) return std::unexpected(*std::move(failure));
  const auto& row = kRows[decoded.header.type];
  const auto refuse = [&](Error error) { return std::unexpected(DecodeFailure{std::move(error), decoded.header.request}); };
  if (auto error = check_frames(row, decoded.header, frame, payload_bytes, limits)) return refuse(*std::move(error));

  // Kept between calls so that reading a message sets nothing aside; holds nothing that outlives the call.
  thread_local std::vector<Item> items;
  const auto body = frame.subspan(kHeaderBytes);
  if (auto error = read_items(body, limits, items)) {
    error->detail = fmt::format("{}: {}", row.name, error->detail);
    return refuse(*std::move(error));
  }
  FieldReader reader(body, items, limits);
  if (auto error = row.read(reader, decoded.message, payload_bytes.value_or(0))) return refuse(*std::move(error));
  return decoded;
}

bool carries_payload(std::uint8_t type) { return kRows[type].carries_payload; }

std::string_view name_of(std::uint8_t type) { return kRows[type].name; }

std::uint8_t type_of(const Message& message) {
  return std::visit([](const auto& held) { return held.kType; }, message);
}

}  // namespace sublet::wire
