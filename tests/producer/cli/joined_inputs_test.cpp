#include "producer/cli/joined_inputs.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/pipeline/pipeline_yaml.hpp"
#include "common/wire/header_reader.hpp"
#include "producer/cli/payload.hpp"
#include "tests/common/pipeline/example.hpp"
#include "tests/support/folder.hpp"

namespace sublet::cli {
namespace {

namespace fs = std::filesystem;
using test::refusal;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Pipeline blend() {
  return *parse_pipeline("name: blend\nbuffers: {left: n, right: n}\ninputs: [left, right]\noutputs: [left, right]\n", "blend.yaml");
}

class JoinedInputs : public ::testing::Test {
 protected:
  void put(const std::string& name, std::string_view text) const {
    fs::create_directories((folder_.path() / name).parent_path());
    std::ofstream(folder_.path() / name, std::ios::binary) << text;
  }
  [[nodiscard]] std::string at(const std::string& name) const { return (folder_.path() / name).string(); }
  [[nodiscard]] std::vector<InputSources> sources() const {
    return {{.input = "left", .paths = {at("l")}}, {.input = "right", .paths = {at("r")}}};
  }
  [[nodiscard]] InputFile only_file() const { return collect_joined(sources(), 0).value().files.at(0); }

  test::Folder folder_;
};

TEST_F(JoinedInputs, AreNamedOnTheCommandLine) {
  const auto sources = sources_of_inputs({"right=r", "left=a", "left=b=c"}, blend());
  ASSERT_TRUE(sources) << to_text(sources.error());
  ASSERT_EQ(sources->size(), 2U);
  EXPECT_EQ((*sources)[0].input, "left");
  EXPECT_THAT((*sources)[0].paths, ElementsAre("a", "b=c"));
  EXPECT_THAT((*sources)[1].paths, ElementsAre("r"));
  const auto refused = [](const std::vector<std::string>& in) { return refusal(sources_of_inputs(in, blend()), ErrorCode::bad_argument); };
  EXPECT_THAT(refused({"l"}), AllOf(HasSubstr("--in l names no input of pipeline blend"), HasSubstr("write --in left=DIR --in right=DIR")));
  EXPECT_THAT(refused({"left=l", "rihgt=r"}), HasSubstr("did you mean \"right\"?"));
  EXPECT_THAT(refused({"left=l"}), AllOf(HasSubstr("none is right"), HasSubstr("--in right=DIR")));
}

TEST_F(JoinedInputs, OfOnePipelinesOnlyInputNeedNoName) {
  const auto sources = sources_of_inputs({"a", "x=y"}, test::video_pipeline());
  ASSERT_EQ(sources->size(), 1U);
  EXPECT_THAT(sources->front().paths, ElementsAre("a", "x=y"));
}

TEST_F(JoinedInputs, AreJoinedByTheirNames) {
  put("l/b", "left b");
  put("l/deep/a", "left a");
  put("r/deep/a", "right");
  put("r/b", "");
  const auto joined = collect_joined(sources(), 0);
  ASSERT_TRUE(joined) << to_text(joined.error());
  ASSERT_EQ(joined->files.size(), 2U);
  EXPECT_EQ(joined->files[0].name, "b");
  EXPECT_EQ(joined->files[1].name, "deep/a");
  ASSERT_EQ(joined->files[1].beside.size(), 1U);
  EXPECT_EQ(joined->files[1].beside[0].path, at("r/deep/a"));
  EXPECT_EQ(joined->files[1].total_bytes(), 11U);
  EXPECT_EQ(joined->total_bytes(), 17U);
  EXPECT_EQ(joined->largest().name, "deep/a");
  EXPECT_EQ(collect_joined(sources(), 1)->files.size(), 1U);
}

TEST_F(JoinedInputs, AFileThatIsMissingOnOneSideIsNamed) {
  put("l/a", "1");
  put("l/b", "1");
  put("r/a", "2");
  EXPECT_THAT(refusal(collect_joined(sources(), 1), ErrorCode::bad_argument),
              AllOf(HasSubstr("--in right has no file b to go with " + at("l/b")), Not(HasSubstr("other name"))));
  put("r/aa", "2");
  EXPECT_THAT(
      refusal(collect_joined(sources(), 0), ErrorCode::bad_argument),
      AllOf(HasSubstr("--in left has no file aa to go with " + at("r/aa")), HasSubstr("(1 other name is not in all inputs either)")));
}

TEST_F(JoinedInputs, MakeAChunkThatSaysHowLongEachIs) {
  put("l/a", "left");
  put("r/a", "right!");
  const PayloadReader payloads(blend());
  const InputFile file = only_file();
  const auto chunk = payloads.read(file, payloads.bytes_of(file));
  ASSERT_TRUE(chunk) << to_text(chunk.error());
  EXPECT_EQ(chunk->size(), payloads.bytes_of(file));
  wire::HeaderReader reader(blend());
  const auto read = reader.read(chunk->view());
  ASSERT_TRUE(read) << to_text(read.error());
  EXPECT_THAT(read->bytes, ElementsAre(4, 6));
  EXPECT_EQ(as_text(chunk->view().subspan(read->begin)), "leftright!");
  EXPECT_EQ(payloads.read(file, payloads.bytes_of(file) - 1).error().code, ErrorCode::chunk_too_large);
}

TEST_F(JoinedInputs, ThatHaveBecomeShorterAreReadToTheirPlaceAsTheyAre) {
  // A length below 128 takes fewer bytes of the header, so what follows it moves.
  put("l/a", std::string(200, 'x'));
  put("r/a", std::string(300, 'y'));
  const PayloadReader payloads(blend());
  const InputFile file = only_file();
  put("l/a", "left");
  std::vector<std::byte> room(payloads.bytes_of(file));
  const auto bytes = payloads.read_into(file, room);
  ASSERT_TRUE(bytes) << to_text(bytes.error());
  const auto chunk = ByteView(room).first(*bytes);
  wire::HeaderReader reader(blend());
  const auto read = reader.read(chunk);
  ASSERT_TRUE(read) << to_text(read.error());
  EXPECT_THAT(read->bytes, ElementsAre(4, 300));
  EXPECT_EQ(as_text(chunk.subspan(read->begin)), "left" + std::string(300, 'y'));
  EXPECT_EQ(as_text(payloads.read(file, room.size())->view()), as_text(chunk)) << "by sockets as by reference";
  put("r/a", std::string(301, 'y'));
  EXPECT_EQ(payloads.read_into(file, room).error().code, ErrorCode::chunk_too_large);
}

TEST_F(JoinedInputs, WhoseHeaderHasBecomeLongerAreRefusedWhereTheyNoLongerFit) {
  put("l/a", std::string(127, 'x'));
  put("r/a", std::string(127, 'y'));
  const PayloadReader payloads(blend());
  const InputFile file = only_file();
  put("l/a", std::string(128, 'x'));
  put("r/a", std::string(126, 'y'));
  EXPECT_EQ(payloads.read(file, payloads.bytes_of(file)).error().code, ErrorCode::chunk_too_large);
  EXPECT_TRUE(payloads.read(file, payloads.bytes_of(file) + 1));
}

TEST_F(JoinedInputs, NoneOfWhichAnOutputReplaces) {
  put("l/a", "1");
  put("r/a.left", "2");
  InputFiles inputs = collect_inputs({at("l")}, 0).value();
  inputs.files[0].beside = collect_inputs({at("r/a.left")}, 0)->files;
  const std::vector<std::string> paths = {at("l"), at("r/a.left")};
  EXPECT_THAT(refusal(check_output_folder(paths, inputs, at("r"), output_endings(blend())), ErrorCode::bad_argument),
              HasSubstr("the output a.left"));
  EXPECT_TRUE(check_output_folder(paths, inputs, at("r"), {".other"}));
}

}  // namespace
}  // namespace sublet::cli
