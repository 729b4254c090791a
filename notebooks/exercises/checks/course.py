"""All exercises, in the order of the lessons."""

from dataclasses import replace

from . import lesson1, lesson2, lesson3, lesson4, lesson5, lesson6, lesson7, lesson8
from .exercise import Exercise

LESSONS = (lesson1, lesson2, lesson3, lesson4, lesson5, lesson6, lesson7, lesson8)
EXERCISES: dict[str, Exercise] = {
    exercise.name: replace(exercise, names=vars(lesson))
    for lesson in LESSONS
    for exercise in lesson.EXERCISES
}
