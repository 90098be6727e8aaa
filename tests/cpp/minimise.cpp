// Maximises a function through the C++ wrapper.
#include "optiformer.hpp"

#include <cstdio>
#include <utility>

static int failures = 0;
#define EXPECT(condition)                                                                            \
    do {                                                                                             \
        if (!(condition)) {                                                                          \
            std::fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition);                     \
            failures++;                                                                              \
        }                                                                                            \
    } while (0)

template <typename Function> static int status_of(Function function) {
    try {
        function();
    } catch (const optiformer::Error &error) {
        return error.status();
    }
    return OPTIFORMER_OK;
}

int main() {
    optiformer::Space space;
    space.add_float("x", 0.0, 4.0).add_int("n", 1, 16, true).add_categorical("kind", {"a", "b", "c"});
    space.add_float("y", 0.0, 1.0).set_condition("y", "kind", {0.0, 2.0});
    EXPECT(space.count() == 4);
    EXPECT(optiformer::Space::from_json(space.to_json()).to_json() == space.to_json());

    auto model = optiformer::Model::builtin();
    EXPECT(model.description().find("\"trained_context\"") != std::string::npos);
    optiformer::Study study(space, optiformer::Direction::maximise, 11, &model);
    EXPECT(!study.best());
    study.enqueue({1.0, 2.0, 1.0, optiformer::inactive});
    double first = 0.0;
    for (int trial = 0; trial < 30; trial++) {
        auto [id, values] = study.ask();
        bool active = values[2] != 1.0;
        EXPECT(active != std::isnan(values[3]));
        double value = -(values[0] - 3.0) * (values[0] - 3.0) - 0.1 * std::abs(values[1] - 5.0) - (active ? values[3] : 0.3);
        if (trial == 0) {
            EXPECT(values[0] == 1.0 && values[1] == 2.0 && values[2] == 1.0);
            first = value;
        }
        study.tell(id, value);
    }
    auto best = study.best();
    EXPECT(best && best->value > first);

    auto moved = std::move(study);
    EXPECT(moved.best()->value == best->value);
    EXPECT(status_of([&] { moved.tell(0, 1.0); }) == OPTIFORMER_ALREADY_TOLD);
    EXPECT(status_of([&] { moved.tell_failed(77); }) == OPTIFORMER_UNKNOWN_TRIAL);
    EXPECT(status_of([&] { moved.add({1.0}, 0.0); }) == OPTIFORMER_INVALID_VALUE);
    EXPECT(status_of([&] { space.add_float("x", 0.0, 1.0); }) == OPTIFORMER_INVALID_SPACE);
    EXPECT(status_of([] { optiformer::Model::open("no/such/file"); }) == OPTIFORMER_IO);
    EXPECT(status_of([] { optiformer::Model::from_bytes({1, 2, 3}); }) == OPTIFORMER_INVALID_WEIGHTS);
    return failures == 0 ? 0 : 1;
}
