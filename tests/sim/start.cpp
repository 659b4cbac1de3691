#include "tests/sim/command.hpp"

int main(int argc, char** argv) { return sublet::sim::run(argc, argv); }
