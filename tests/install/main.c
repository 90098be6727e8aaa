/* Somebody else's program, which knows the installed library alone. */
#include <optiformer.h>

#include <stdio.h>

int main(void) {
    optiformer_error error = {sizeof error, 0, ""};
    optiformer_space *space = NULL;
    optiformer_study *study = NULL;
    uint64_t id;
    double x = 0.0, value = 0.0;
    int trial;
    if (optiformer_space_new(&space, &error) || optiformer_space_add_float(space, "x", 0.0, 5.0, 0, 0.0, &error) ||
        optiformer_study_new(space, NULL, &study, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    for (trial = 0; trial < 20; trial++) {
        if (optiformer_study_ask(study, &id, &x, 1, &error) || optiformer_study_tell(study, id, (x - 2.0) * (x - 2.0), &error)) {
            fprintf(stderr, "%s\n", error.message);
            return 1;
        }
    }
    if (optiformer_version() != OPTIFORMER_VERSION || optiformer_study_best(study, NULL, &x, 1, &value, &error)) {
        return 1;
    }
    printf("%s %.3f\n", optiformer_version_string(), value);
    optiformer_study_free(study);
    optiformer_space_free(space);
    return value < 0.1 ? 0 : 1;
}
