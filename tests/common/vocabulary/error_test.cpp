#include "common/error.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace sublet {
namespace {

bool is_snake_case(std::string_view name) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return !name.empty() && std::ranges::all_of(name, fits) && name.front() >= 'a' && name.back() != '_' && !name.contains("__");
}

TEST(ErrorTable, IsAscendingByNumber) {
  EXPECT_EQ(std::ranges::adjacent_find(error_table(), std::ranges::greater_equal{}, &ErrorInfo::code), error_table().end());
}

TEST(ErrorTable, NamesAreUniqueAndInSnakeCase) {
  std::set<std::string_view> names;
  for (const auto& row : error_table()) {
    EXPECT_TRUE(is_snake_case(row.name)) << row.name;
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
  }
}

TEST(ErrorTable, EveryErrorSaysWhatItMeans) {
  for (const auto& row : error_table()) EXPECT_FALSE(row.meaning.empty()) << row.name;
}

TEST(ErrorTable, FindsEachRowByItsCode) {
  for (const auto& row : error_table()) {
    EXPECT_EQ(&error_info(row.code), &row);
    EXPECT_TRUE(is_error_number(static_cast<std::uint16_t>(row.code)));
  }
}

TEST(ErrorTable, ANumberThatIsNotThereIsInternal) {
  for (const int number : {1, 99, 109, 998, 1000, 65'535}) {
    EXPECT_FALSE(is_error_number(static_cast<std::uint16_t>(number))) << number;
    EXPECT_EQ(error_info(static_cast<ErrorCode>(number)).code, ErrorCode::internal) << number;
  }
}

TEST(ErrorTable, AnInfrastructureErrorChargesNoChunk) {
  for (const auto& row : error_table()) {
    const auto number = static_cast<int>(row.code);
    if (number >= 100 && number < 200 && row.code != ErrorCode::jobs_lost) {
      EXPECT_EQ(row.retry, RetryClass::free) << row.name;
    }
  }
}

TEST(ErrorTable, WhatIsWrongWithTheMessageOrThePipelineIsFinal) {
  for (const auto& row : error_table()) {
    const auto number = static_cast<int>(row.code);
    if (number >= 500 && number < 700) {
      EXPECT_EQ(row.retry, RetryClass::never) << row.name;
    }
  }
}

TEST(ErrorText, NamesTheErrorAndThenTheThing) {
  EXPECT_EQ(to_text({.code = ErrorCode::not_found, .detail = "job 12", .retry_after_ms = 0}), "not_found: job 12");
  EXPECT_EQ(to_text({.code = ErrorCode::stale, .detail = "", .retry_after_ms = 0}), "stale");
}

}  // namespace
}  // namespace sublet
