// A second source of the same program: what the header defines is defined once.
#include "optiformer.hpp"

std::string version_of_the_other_source();

std::string version_of_the_other_source() {
    return optiformer::Space().add_float("x", 0.0, 1.0).count() == 1 ? optiformer::version() : "";
}
