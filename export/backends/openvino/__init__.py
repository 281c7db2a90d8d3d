"""OpenVINO IR: conversion, stored weights, NNCF."""
