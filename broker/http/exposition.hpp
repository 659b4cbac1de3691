#pragma once

#include <string>

#include "broker/http/readings.hpp"

namespace sublet::broker {

/// The readings in Prometheus' text format, version 0.0.4, under the names of the metric table.
std::string exposition(const Readings& readings);

}  // namespace sublet::broker
