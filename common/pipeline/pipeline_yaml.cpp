#include "common/pipeline/pipeline_yaml.hpp"

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "common/pipeline/pipeline_reader.hpp"
#include "common/pipeline/wording.hpp"
#include "common/pipeline/yaml_tree.hpp"

namespace sublet {

namespace {

constexpr std::size_t kLongestText = 64U << 10U;
constexpr std::size_t kDeepest = 8;
constexpr std::size_t kMostValues = 4096;

/// How the builder stops yaml-cpp's parser: it offers no other way. Caught in this file.
struct Refusal {
  int line;
  std::string problem;
};

int line_of(const YAML::Mark& mark) { return mark.is_null() ? 1 : mark.line + 1; }

/// Builds the tree from the parser's events. The parser recurses per level and announces each, so that refusing a level here bounds its
/// stack too; without aliases the tree is no larger than the text.
class TreeBuilder final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) throw Refusal{line_of(mark), "there is a second document; keep one pipeline per file"};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { put(node_at(mark, anchor, YamlNode::Kind::nothing)); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Refusal{line_of(mark), "aliases (*name) are not supported; write the value out"};
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    check_tag(mark, tag);
    YamlNode node = node_at(mark, anchor, YamlNode::Kind::scalar);
    node.text = value;
    put(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open(mark, anchor, YamlNode::Kind::list);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open(mark, anchor, YamlNode::Kind::map);
  }
  void OnMapEnd() override { close(); }

  YamlNode take() { return std::move(root_); }

 private:
  static void check_tag(const YAML::Mark& mark, const std::string& tag) {
    // "?" and "!" are how the parser says plain and quoted.
    if (tag.empty() || tag == "?" || tag == "!") return;
    throw Refusal{line_of(mark), "the tag " + in_quotes(tag) + " is not supported; write the plain value"};
  }

  YamlNode node_at(const YAML::Mark& mark, YAML::anchor_t anchor, YamlNode::Kind kind) {
    if (anchor != 0) throw Refusal{line_of(mark), "anchors (&name) are not supported; write the value out"};
    if (++values_ > kMostValues) throw Refusal{line_of(mark), fmt::format("more than {} values; no pipeline needs that many", kMostValues)};
    YamlNode node;
    node.kind = kind;
    node.line = line_of(mark);
    return node;
  }

  void open(const YAML::Mark& mark, YAML::anchor_t anchor, YamlNode::Kind kind) {
    if (open_.size() >= kDeepest) throw Refusal{line_of(mark), fmt::format("nested more than {} deep; no key takes that", kDeepest)};
    open_.push_back(node_at(mark, anchor, kind));
  }

  void close() {
    YamlNode node = std::move(open_.back());
    open_.pop_back();
    put(std::move(node));
  }

  void put(YamlNode node) { (open_.empty() ? root_ : open_.back().items.emplace_back()) = std::move(node); }

  YamlNode root_;
  std::vector<YamlNode> open_;
  std::size_t values_ = 0;
  std::size_t documents_ = 0;
};

std::unexpected<Error> at_line(int line, std::string_view problem) {
  return fail(ErrorCode::bad_pipeline, fmt::format("line {}: {}", line, problem));
}

}  // namespace

Result<YamlNode> parse_yaml_tree(std::string_view yaml) {
  if (yaml.size() > kLongestText) {
    return fail(ErrorCode::bad_pipeline, fmt::format("{} bytes of text; a pipeline has at most {}", yaml.size(), kLongestText));
  }
  std::istringstream text{std::string(yaml)};
  try {
    YAML::Parser parser(text);
    TreeBuilder builder;
    while (parser.HandleNextDocument(builder)) {
    }
    return builder.take();
  } catch (const Refusal& refusal) {
    return at_line(refusal.line, refusal.problem);
  } catch (const YAML::Exception& problem) {
    return at_line(line_of(problem.mark), "not YAML: " + problem.msg);
  }
}

Result<Pipeline> parse_pipeline(std::string_view yaml, std::string_view origin) {
  const auto tree = parse_yaml_tree(yaml);
  if (!tree) return fail_in(origin, tree.error());
  auto pipeline = read_pipeline(*tree);
  if (!pipeline) return fail_in(origin, pipeline.error());
  if (auto ok = validate(*pipeline); !ok) return fail_in(origin, ok.error());
  return pipeline;
}

}  // namespace sublet
