// The same with the C++ wrapper.
#include <optiformer.hpp>

#include <cstdio>

int main() {
    optiformer::Space space;
    space.add_float("x", 0.0, 5.0);
    optiformer::Study study(space);
    for (int trial = 0; trial < 20; trial++) {
        auto [id, x] = study.ask();
        study.tell(id, (x[0] - 2.0) * (x[0] - 2.0));
    }
    std::printf("%s %.3f\n", optiformer::version().c_str(), study.best()->value);
    return study.best()->value < 0.1 ? 0 : 1;
}
