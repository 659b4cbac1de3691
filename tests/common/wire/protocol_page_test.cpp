// docs/protocol.md is what other languages are written from: its bytes, field tables, enumerations and errors must be those of the code.

#include <fstream>
#include <map>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "common/wire/bundle.hpp"
#include "common/wire/fields.hpp"
#include "common/wire/text.hpp"
#include "paths.hpp"
#include "tests/common/wire/frames.hpp"
#include "tests/common/wire/samples.hpp"

namespace sublet::wire {
namespace {

using Row = std::pair<std::string, std::string>;

/// What stands between a heading and the next: the first two columns of its table, and the bytes of its code block.
struct Section {
  std::vector<Row> rows;
  std::string block_info;
  std::string hex;
};

/// The cells of "| a | b | c |", without their backquotes.
std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::stringstream in(line.substr(1));
  for (std::string cell; std::getline(in, cell, '|');) {
    std::erase(cell, '`');
    const auto first = cell.find_first_not_of(' ');
    cells.push_back(first == std::string::npos ? "" : cell.substr(first, cell.find_last_not_of(' ') - first + 1));
  }
  return cells;
}

/// Sections by the text of their heading.
std::map<std::string, Section> read_page() {
  std::ifstream file(SUBLET_SOURCE_DIR "/docs/protocol.md");
  std::map<std::string, Section> sections;
  std::string heading;
  bool is_in_block = false;
  for (std::string line; std::getline(file, line);) {
    auto& section = sections[heading];
    if (line.starts_with("```")) {
      is_in_block = !is_in_block;
      if (is_in_block) section.block_info = line.substr(3);
    } else if (is_in_block) {
      section.hex += line.substr(0, line.find('#'));
    } else if (line.starts_with("#")) {
      heading = line.substr(line.find_first_not_of("# "));
    } else if (line.starts_with("|") && !line.starts_with("| ---")) {
      const auto cells = cells_of(line);
      if (cells.size() >= 2) section.rows.emplace_back(cells[0], cells[1]);
    }
  }
  return sections;
}

const std::map<std::string, Section>& page() {
  static const auto kPage = read_page();
  return kPage;
}

const Section& section(const std::string& heading) {
  const auto found = page().find(heading);
  if (found == page().end()) throw std::runtime_error("docs/protocol.md has no section " + heading);
  return found->second;
}

// ---- how the page writes a type ----

template <class T>
struct Spelling;
// clang-format off
template <> struct Spelling<bool> { static std::string text() { return "bool"; } };
template <> struct Spelling<double> { static std::string text() { return "f64"; } };
template <> struct Spelling<std::uint8_t> { static std::string text() { return "u8"; } };
template <> struct Spelling<std::uint16_t> { static std::string text() { return "u16"; } };
template <> struct Spelling<std::uint32_t> { static std::string text() { return "u32"; } };
template <> struct Spelling<std::uint64_t> { static std::string text() { return "u64"; } };
template <> struct Spelling<Millis> : Spelling<std::uint64_t> {};
template <class Tag> struct Spelling<Id<Tag>> : Spelling<std::uint64_t> {};
template <> struct Spelling<Token> { static std::string text() { return "token"; } };
template <> struct Spelling<ContentHash> { static std::string text() { return "hash"; } };
template <> struct Spelling<std::vector<std::byte>> { static std::string text() { return "bytes"; } };
template <> struct Spelling<U32List> { static std::string text() { return "u32s"; } };
template <> struct Spelling<CodeList> { static std::string text() { return "codes"; } };
template <> struct Spelling<ChunkRange> { static std::string text() { return "range"; } };
template <> struct Spelling<ErrorCode> { static std::string text() { return "*error*"; } };
template <> struct Spelling<Role> { static std::string text() { return "*role*"; } };
template <> struct Spelling<Plane> { static std::string text() { return "*plane*"; } };
template <> struct Spelling<Listing> { static std::string text() { return "*listing*"; } };
template <> struct Spelling<PolicyKind> { static std::string text() { return "*policy*"; } };
template <> struct Spelling<AggregateKind> { static std::string text() { return "*aggregate*"; } };
template <> struct Spelling<ElementType> { static std::string text() { return "*element*"; } };
template <> struct Spelling<Isolation> { static std::string text() { return "*isolation*"; } };
template <> struct Spelling<Durability> { static std::string text() { return "*durability*"; } };
template <> struct Spelling<JobState> { static std::string text() { return "*job_state*"; } };
template <> struct Spelling<JobHold> { static std::string text() { return "*job_hold*"; } };
template <> struct Spelling<DeadSelection> { static std::string text() { return "**dead_selection**"; } };
template <> struct Spelling<DeadClass> { static std::string text() { return "**dead_class**"; } };
template <> struct Spelling<DeadChunk> { static std::string text() { return "**dead_chunk**"; } };
template <> struct Spelling<ArgumentType> { static std::string text() { return "*argument_type*"; } };
template <> struct Spelling<HeldLease> { static std::string text() { return "**held_lease**"; } };
template <> struct Spelling<LeaseTtl> { static std::string text() { return "**lease_ttl**"; } };
template <> struct Spelling<Card> { static std::string text() { return "**card**"; } };
template <> struct Spelling<ChunkDetail> { static std::string text() { return "**chunk_detail**"; } };
template <> struct Spelling<JobSpec> { static std::string text() { return "**job_spec**"; } };
template <> struct Spelling<RetryPolicy> { static std::string text() { return "**retry**"; } };
template <> struct Spelling<JobStatus> { static std::string text() { return "**job_status**"; } };
template <> struct Spelling<QueueStatus> { static std::string text() { return "**queue_status**"; } };
template <> struct Spelling<WorkerStatus> { static std::string text() { return "**worker_status**"; } };
template <> struct Spelling<Pipeline> { static std::string text() { return "**pipeline**"; } };
template <> struct Spelling<PipelineModule> { static std::string text() { return "**module**"; } };
template <> struct Spelling<PipelineParameter> { static std::string text() { return "**parameter**"; } };
template <> struct Spelling<PipelineBuffer> { static std::string text() { return "**buffer**"; } };
template <> struct Spelling<PipelineResident> { static std::string text() { return "**resident**"; } };
template <> struct Spelling<PipelineRepeat> { static std::string text() { return "**repeat**"; } };
template <> struct Spelling<ResidentData> { static std::string text() { return "**resident_data**"; } };
template <> struct Spelling<PipelineOutput> { static std::string text() { return "**output**"; } };
template <> struct Spelling<Variation> { static std::string text() { return "*variation*"; } };
template <> struct Spelling<PipelineValue> { static std::string text() { return "**value**"; } };
template <> struct Spelling<PipelineHostStage> { static std::string text() { return "**host_stage**"; } };
template <> struct Spelling<PipelineRequirement> { static std::string text() { return "**requirement**"; } };
template <> struct Spelling<PipelineStage> { static std::string text() { return "**stage**"; } };
template <> struct Spelling<PipelineArgument> { static std::string text() { return "**argument**"; } };
template <> struct Spelling<ModuleImage> { static std::string text() { return "**module_image**"; } };
// clang-format on
template <class T>
struct Spelling<std::vector<T>> {
  static std::string text() { return "list of " + Spelling<T>::text(); }
};
template <class T, std::size_t kSize>
struct Spelling<std::array<T, kSize>> {
  static std::string text() { return fmt::format("{} {}", kSize, Spelling<T>::text()); }
};
/// A text's type is its rule, which goes by the field; the fields that are lists of texts hold labels.
template <>
struct Spelling<std::string> {
  static std::string text() { return "label"; }
};

std::string text_of(TextRule rule) {
  switch (rule) {
    case TextRule::identifier:
      return "identifier";
    case TextRule::label:
      return "label";
    case TextRule::prose:
      return "prose";
  }
  return "";
}

template <class Struct, class Member>
Row row_of(const Field<Struct, Member>& field) {
  if constexpr (std::is_same_v<Member, std::string>) return {field.name, text_of(rule_of(field.name))};
  return {field.name, Spelling<Member>::text()};
}

template <class Struct>
std::vector<Row> rows_of() {
  std::vector<Row> rows;
  std::apply([&](const auto&... fields) { (rows.push_back(row_of(fields)), ...); }, FieldTable<Struct>::kFields);
  if (!rows.empty()) rows.insert(rows.begin(), Row("field", "type"));
  return rows;
}

std::string heading_of(const Message& message) { return fmt::format("{} ({})", name_of(type_of(message)), type_of(message)); }

TEST(ProtocolPage, ShowsTheFieldsOfEveryMessage) {
  for (const auto& sample : samples()) {
    std::visit([&]<class M>(const M&) { EXPECT_EQ(section(heading_of(sample.message)).rows, rows_of<M>()) << heading_of(sample.message); },
               sample.message);
  }
}

template <class... Part>
void expect_parts() {
  const auto expect_part = []<class P>(std::type_identity<P>) {
    auto name = Spelling<P>::text();
    std::erase(name, '*');
    EXPECT_EQ(section(name).rows, rows_of<P>()) << name;
  };
  (expect_part(std::type_identity<Part>{}), ...);
}

TEST(ProtocolPage, ShowsTheFieldsOfEveryPart) {
  expect_parts<HeldLease, LeaseTtl, Card, ChunkDetail, JobSpec, RetryPolicy, JobStatus, QueueStatus, WorkerStatus, DeadSelection, DeadClass,
               DeadChunk>();
  expect_parts<Pipeline, PipelineModule, PipelineParameter, PipelineBuffer, PipelineRequirement, PipelineStage, PipelineArgument,
               PipelineResident, PipelineOutput, PipelineRepeat, PipelineHostStage, PipelineValue, ModuleImage, ResidentData>();
  EXPECT_EQ(section("bundle").rows, rows_of<Bundle>());
}

TEST(ProtocolPage, ShowsTheBytesOfEveryMessage) {
  for (const auto& sample : samples()) {
    const auto& shown = section(heading_of(sample.message));
    const auto payload = sample.payload_bytes ? fmt::format(" payload={}", *sample.payload_bytes) : "";
    EXPECT_EQ(shown.block_info, fmt::format("hex request={}{}", sample.request, payload)) << heading_of(sample.message);
    ByteVector frame;
    encode(sample.request, sample.message, frame);
    EXPECT_EQ(to_hex_text(from_hex_text(shown.hex)), to_hex_text(frame)) << heading_of(sample.message);
  }
}

TEST(ProtocolPage, ShowsBytesThatAreReadAndWrittenAsTheyStand) {
  for (const auto& sample : samples()) {
    const auto frame = from_hex_text(section(heading_of(sample.message)).hex);
    const auto decoded = decode(frame, sample.payload_bytes);
    ASSERT_TRUE(decoded) << heading_of(sample.message) << ": " << decoded.error().error.detail;
    EXPECT_EQ(decoded->message, sample.message);
    ByteVector again;
    encode(decoded->header.request, decoded->message, again);
    EXPECT_EQ(again, frame);
  }
}

TEST(ProtocolPage, ShowsTheBytesOfABundle) {
  const auto bytes = from_hex_text(section("The bundle").hex);
  EXPECT_EQ(to_hex_text(bytes), to_hex_text(encode_bundle(sample_bundle())));
  const auto bundle = decode_bundle(bytes);
  ASSERT_TRUE(bundle);
  EXPECT_EQ(*bundle, sample_bundle());
}

TEST(ProtocolPage, ListsEveryMessageOnce) {
  std::vector<Row> expected = {{"#", "message"}};
  for (const auto& sample : samples()) {
    const auto type = type_of(sample.message);
    expected.emplace_back(std::to_string(type), name_of(type));
  }
  EXPECT_EQ(section("Who sends what when").rows, expected);
}

TEST(ProtocolPage, ListsEveryError) {
  std::vector<Row> expected = {{"number", "name"}};
  for (const auto& row : error_table()) expected.emplace_back(std::to_string(static_cast<int>(row.code)), row.name);
  EXPECT_EQ(section("Errors").rows, expected);
}

template <class Enum>
Row counted() {
  return {Spelling<Enum>::text(), std::to_string(static_cast<int>(Last<Enum>::kValue))};
}

TEST(ProtocolPage, ListsEveryEnumeratorUpToTheLast) {
  std::vector<Row> shown;
  for (const auto& [name, values] : section("Enumerations").rows) {
    const auto last = values.find_last_of(',');
    if (last != std::string::npos) shown.emplace_back(name, values.substr(last + 2, values.find(' ', last + 2) - last - 2));
  }
  const std::vector<Row> expected = {counted<Role>(),          counted<Plane>(),       counted<Listing>(),      counted<PolicyKind>(),
                                     counted<AggregateKind>(), counted<ElementType>(), counted<Durability>(),   counted<Isolation>(),
                                     counted<JobState>(),      counted<JobHold>(),     counted<ArgumentType>(), counted<Variation>()};
  EXPECT_EQ(shown, expected);
}

}  // namespace
}  // namespace sublet::wire
