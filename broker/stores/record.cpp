#include "broker/stores/record.hpp"

#include <algorithm>

namespace sublet::broker {

bool same_value(const RecordValue& left, const RecordValue& right) {
  if (left.index() != right.index()) return false;
  return std::visit(
      [&right]<class T>(const T& value) {
        const auto& other = std::get<T>(right);
        if constexpr (std::is_same_v<T, SharedBatch> || std::is_same_v<T, SharedOutput> || std::is_same_v<T, SharedDead>) {
          return value == other || (value != nullptr && other != nullptr && *value == *other);
        } else if constexpr (std::is_same_v<T, Blob>) {
          return std::ranges::equal(value.view(), other.view());
        } else {
          return value == other;
        }
      },
      left);
}

}  // namespace sublet::broker
